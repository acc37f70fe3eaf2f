---@meta moonport.websocket
-- SPDX-License-Identifier: MIT
-- Types of moonport.websocket for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---WebSocket, both sides.
---@class moonport.websocket
local websocket = {}

---@alias moonport.websocket.Kind "text"|"binary"

---@class moonport.websocket.Options
---@field limit? integer # Bytes of a message.
---@field queue? integer # Bytes that may wait to be sent.
---@field pingTime? number # Milliseconds of silence until a ping; 0: never.
---@field closeTime? number # Milliseconds for a close.
---@field protocols? string[]
---@field headers? moonport.http.Headers

---@class moonport.websocket.AcceptOptions: moonport.websocket.Options
---@field origins? string[]|"*" # Which pages may connect; default: those of the host.

---@class moonport.websocket.ConnectOptions: moonport.websocket.Options
---@field timeout? number # Milliseconds.
---@field ssl? moonport.SslOptions
---@field resolve? table<string, string>|fun(host: string): string?
---@field private? boolean # false: connects to no address of this network.

---In a handler of a server of moonport.http: makes the connection a WebSocket, or answers why not.
---@param request moonport.http.Request
---@param socket moonport.TcpSocket
---@param options? moonport.websocket.AcceptOptions
---@return moonport.WebSocket? ws
---@return string? message
---@return string? code
function websocket.accept(request, socket, options) end

---Connects, and waits for the handshake.
---@param url string # ws://…, wss://…, unix:/path/of/socket:/path
---@param options? moonport.websocket.ConnectOptions
---@return moonport.WebSocket? ws
---@return moonport.http.Response|string response # Or a message.
---@return string? code
---@return moonport.http.Response? refusal
function websocket.connect(url, options) end

---The handlers of all WebSockets of a server.
---@class moonport.websocket.Prototype
---@field message? fun(ws: moonport.WebSocket, message: string, kind: moonport.websocket.Kind)
---@field closed? fun(ws: moonport.WebSocket, code: integer, reason: string)
---@field [string] any

---@class moonport.WebSocket: moonport.websocket.Prototype
---@field subprotocol? string
local ws = {}

---Queues a message.
---@param message string
---@param kind? moonport.websocket.Kind
---@return true?
---@return string? message
---@return string? code
function ws:send(message, kind) end

---Waits for a message.
---@param msec? number # Default 30000; -1: for ever.
---@return string? message
---@return string kind # Or a message.
---@return string? code
function ws:receive(msec) end

---Iterates over the messages until the WebSocket ends, or newer code handles them.
---@return fun(): string?, moonport.websocket.Kind?
function ws:messages() end

---Sends a close.
---@param code? integer # Default 1000.
---@param reason? string
function ws:close(code, reason) end

---Ends the connection without a close.
function ws:abort() end

---Sends a ping.
---@param data? string
---@return true?
---@return string? message
---@return string? code
function ws:ping(data) end

---@return integer
function ws:bytesToWrite() end

---@return "ConnectedState"|"ClosingState"|"UnconnectedState"
function ws:state() end

---@return integer?
function ws:closeCode() end

---@return string?
function ws:closeReason() end

---@return moonport.TcpSocket
function ws:socket() end

return websocket
