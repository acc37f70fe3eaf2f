---@meta moonport.http
-- SPDX-License-Identifier: MIT
-- Types of moonport.http for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---HTTP/1.1: servers, routes, files.
---@class moonport.http
local http = {}

---@alias moonport.http.Value string|number|(string|number)[]
---@alias moonport.http.Headers table<string, moonport.http.Value>

---A path or an open file, which is closed; offset and length in bytes.
---@class moonport.http.File
---@field file string|file*
---@field offset? integer
---@field length? integer

---@alias moonport.http.Body string|moonport.http.File|fun(write: fun(text: string): true?, string?, string?)

---Answers a request: status, headers and body. It may wait.
---@alias moonport.http.Handler fun(request: moonport.http.Request, socket: moonport.TcpSocket): integer, moonport.http.Headers?, moonport.http.Body?

---@class moonport.http.ServerOptions
---@field line? integer # Bytes of the request line.
---@field head? integer # Bytes of the head.
---@field headers? integer # Header fields.
---@field body? integer # Bytes of a body.
---@field firstTime? number # Milliseconds to the first byte.
---@field headTime? number # Milliseconds for a head.
---@field bodyTime? number # Milliseconds for a body, and a second more for each readRate bytes.
---@field readRate? number # Bytes a second.
---@field sendRate? number # Bytes a second.
---@field idleTime? number # Milliseconds without a byte.
---@field connections? integer
---@field perAddress? integer # Connections of one address.
---@field stream? boolean # The handler reads the body itself.
---@field ssl? moonport.SslOptions
---@field server? moonport.TcpServer

---@class moonport.http.Server: moonport.TcpServer
---@field finish fun(self: moonport.http.Server) # Waits until no request is being answered.
---@field websocket moonport.websocket.Prototype # The handlers of its WebSockets.

---Makes a server that answers each request with what the handler returns. You let it listen.
---@param handler moonport.http.Handler|moonport.http.Router
---@param options? moonport.http.ServerOptions
---@return moonport.http.Server
function http.server(handler, options) end

---@class moonport.http.RequestOptions
---@field url string # http, https, or unix:/path/of/socket:/path.
---@field method? string
---@field headers? moonport.http.Headers
---@field body? string|fun(write: fun(text: string): true?, string?, string?)
---@field timeout? number # Milliseconds.
---@field stream? boolean # The response is returned when its head is complete.
---@field redirects? integer
---@field limit? integer # Bytes of the body.
---@field ssl? moonport.SslOptions
---@field resolve? table<string, string>|fun(host: string): string?
---@field private? boolean # false: connects to no address of this network.

---@class moonport.http.Response
---@field status integer
---@field reason string
---@field headers table<string, string> # Names in lower case.
---@field body string?
---@field url string
---@field problem string? # Why a streamed body broke off.
---@field code string?
local response = {}

---Each value of a header field.
---@param name string
---@return string? ...
function response:header(name) end

---With stream: iterates over the pieces of the body.
---@return fun(): string?
function response:read() end

---Gives up the rest of the body.
function response:close() end

---Asks another server, and waits for its response.
---@param options string|moonport.http.RequestOptions # A URL, or a table.
---@return moonport.http.Response? response
---@return string? message
---@return string? code
function http.request(options) end

---Makes a router, which is a handler.
---@return moonport.http.Router
function http.router() end

---@class moonport.http.FilesOptions
---@field index? string # The file that stands for a folder; default "index.html".
---@field types? table<string, string> # Ending -> Content-Type.
---@field cache? string # Cache-Control.

---Makes a handler that answers with the files of a folder. Raises if it isn't one.
---@param folder string
---@param options? moonport.http.FilesOptions
---@return moonport.http.Handler
function http.files(folder, options) end

---A time of os.time as HTTP writes it.
---@param time integer
---@return string
function http.date(time) end

---A time from one of HTTP's three forms.
---@param text string
---@return integer?
function http.time(text) end

---Percent-decodes; nil if the text is malformed or has a zero byte.
---@param text string
---@return string?
function http.decode(text) end

---The fields of "a=1&b=2": name -> list of values.
---@param text string
---@return table<string, string[]>
function http.parameters(text) end

---@class moonport.http.Request
---@field method string
---@field target string
---@field path string
---@field query string
---@field version "1.1"|"1.0"
---@field headers table<string, string> # Names in lower case.
---@field cookies table<string, string>
---@field body string?
---@field params table<string, string>
---@field prefix string?
---@field peer string
---@field secure boolean
---@field socket moonport.TcpSocket
---@field [string] any
local request = {}

---Each value of a header field.
---@param name string
---@return string? ...
function request:header(name) end

---Each value of a parameter of the query, decoded.
---@param name string
---@return string? ...
function request:parameter(name) end

---With options.stream: iterates over the pieces of the body as they come.
---@return fun(): string?
function request:read() end

---For another protocol on this connection: the socket, with what came behind the request unread.
---@return moonport.TcpSocket
function request:upgrade() end

---@class moonport.http.Router
---@field otherwise? moonport.http.Handler
---@overload fun(request: moonport.http.Request, socket: moonport.TcpSocket): integer, moonport.http.Headers?, moonport.http.Body?
local router = {}

---Adds a route: ":name" stands for one part of the path, a last "*rest" for all that is left.
---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:get(path, handler) end

---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:head(path, handler) end

---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:post(path, handler) end

---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:put(path, handler) end

---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:patch(path, handler) end

---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:delete(path, handler) end

---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:options(path, handler) end

---All methods that have no route of their own.
---@param path string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:any(path, handler) end

---Hands requests below the prefix to a handler, which sees the path without it.
---@param prefix string
---@param handler moonport.http.Handler|moonport.http.Router
---@return moonport.http.Router
function router:use(prefix, handler) end

return http
