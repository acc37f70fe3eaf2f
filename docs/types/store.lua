---@meta moonport.store
-- SPDX-License-Identifier: MIT
-- Types of moonport.store for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---A store for the clients of Redis.
---@class moonport.store
local store = {}

---@class moonport.store.Options
---@field server? moonport.TcpServer|moonport.LocalServer # The server that listens.
---@field file? string # The path of the snapshot.
---@field saveEvery? number # Seconds between two saves; 0: only when asked to.
---@field maxMemory? integer # Bytes of keys and values; 0: any.
---@field password? string
---@field name? string # Of its log lines, and over reloads.

---@class moonport.store.Server: moonport.TcpServer
---@field save fun(self: moonport.store.Server): integer?, string? # Saves all, and waits until the disk has it.
---@field finish fun(self: moonport.store.Server): integer|true|nil, string? # The same, if something has changed.

---Makes a store. You let it listen.
---@param options? moonport.store.Options
---@return moonport.store.Server
function store.server(options) end

return store
