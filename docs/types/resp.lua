---@meta moonport.resp
-- SPDX-License-Identifier: MIT
-- Types of moonport.resp for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---Redis' protocol: what clients send, what servers answer.
---@class moonport.resp
local resp = {}

---@class moonport.resp.CommandBounds
---@field maxSize? integer # Bytes of all arguments of one command; 32 MiB.
---@field maxCount? integer # Arguments of one command; 1,048,576.
---@field maxArgument? integer # Bytes of one argument; 16 MiB.
---@field maxLine? integer # Bytes of an inline command; 64 KiB.

---@class moonport.resp.ReplyBounds
---@field maxSize? integer # Bytes of one reply; 512 MiB.
---@field maxElements? integer # Values of one reply, with those of its arrays; 1,048,576.

---@class moonport.resp.Commands
local commands = {}

---@class moonport.resp.Replies
local replies = {}

---A value of a reply: within an array null is false, and an error a table.
---@alias moonport.resp.Value string|integer|false|{ error: string }|moonport.resp.Value[]

---A reader of what clients send: arrays of strings, and inline commands.
---@param options? moonport.resp.CommandBounds
---@return moonport.resp.Commands
function resp.commands(options) end

---Sets the bounds anew, from the next command on.
---@param options? moonport.resp.CommandBounds
function commands:setBounds(options) end

---A reader of what servers answer in RESP2.
---@param options? moonport.resp.ReplyBounds
---@return moonport.resp.Replies
function resp.replies(options) end

---A command as clients send it.
---@param name string
---@param ... string|number
---@return string
function resp.command(name, ...) end

---A string as a reply.
---@param text string
---@return string
function resp.bulk(text) end

---An integer as a reply.
---@param n integer
---@return string
function resp.integer(n) end

---A simple string as a reply; blanks take the place of its line ends.
---@param text string
---@return string
function resp.status(text) end

---An error as a reply; its first word says the kind.
---@param text string
---@return string
function resp.error(text) end

---A list as a reply.
---@param list any[]
---@param version? 2|3
---@return string
function resp.array(list, version) end

---Names and values in turn: a map in RESP3, an array in RESP2.
---@param list any[]
---@param version? 2|3
---@return string
function resp.map(list, version) end

---A list as a set in RESP3, an array in RESP2.
---@param list any[]
---@param version? 2|3
---@return string
function resp.set(list, version) end

---A list as what nobody asked for in RESP3, an array in RESP2.
---@param list any[]
---@param version? 2|3
---@return string
function resp.push(list, version) end

---Takes bytes that have arrived.
---@param bytes string
function commands:feed(bytes) end

---The next command: its name as it came, the number of its arguments, and the first three of them. nil: there is no
---whole one yet. nil, message: what is malformed.
---@return string? name
---@return integer|string|nil count
---@return string? first
---@return string? second
---@return string? third
function commands:next() end

---All arguments of the command that next gave last, its name at 0; until feed or next is called.
---@return string[]
function commands:arguments() end

---Takes bytes that have arrived.
---@param bytes string
function replies:feed(bytes) end

---The next reply: true and its value, or false and the message of an error. nil: there is no whole one yet. nil,
---message: what is malformed.
---@return boolean? ok
---@return moonport.resp.Value|nil value
function replies:next() end

return resp
