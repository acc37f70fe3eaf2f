---@meta moonport.compat.socket
-- SPDX-License-Identifier: MIT
-- Types of moonport.compat.socket for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---LuaSocket's interface for TCP on moonport's waits. Times are in seconds.
---@class moonport.compat.socket
---@field _VERSION string
---@field BLOCKSIZE integer
---@field sourcet table<string, function>
---@field sinkt table<string, function>
local socket = {}

---From now on require "socket" returns this module, to the script and to all libraries that haven't loaded LuaSocket
---yet.
---@return moonport.compat.socket
function socket.install() end

---A new object, of any family.
---@return moonport.compat.tcp
function socket.tcp() end

---The same, IPv4 only.
---@return moonport.compat.tcp
function socket.tcp4() end

---The same, IPv6 only.
---@return moonport.compat.tcp
function socket.tcp6() end

---A connected client; family is "inet" or "inet6".
---@param host string
---@param port integer|string
---@param localHost? string
---@param localPort? integer|string
---@param family? "inet"|"inet6"
---@return moonport.compat.tcp|nil, string|nil
function socket.connect(host, port, localHost, localPort, family) end

---The same by IPv4.
---@param host string
---@param port integer|string
---@param localHost? string
---@param localPort? integer|string
---@return moonport.compat.tcp|nil, string|nil
function socket.connect4(host, port, localHost, localPort) end

---The same by IPv6.
---@param host string
---@param port integer|string
---@param localHost? string
---@param localPort? integer|string
---@return moonport.compat.tcp|nil, string|nil
function socket.connect6(host, port, localHost, localPort) end

---A listening server; "*" is every IPv4 address.
---@param host string
---@param port integer|string
---@param backlog? integer # default 32
---@return moonport.compat.tcp|nil, string|nil
function socket.bind(host, port, backlog) end

---Waits until one of them can be read, accepted or written to.
---@param readers moonport.compat.tcp[]|nil
---@param writers moonport.compat.tcp[]|nil
---@param seconds? number
---@return moonport.compat.tcp[], moonport.compat.tcp[], "timeout"|nil
function socket.select(readers, writers, seconds) end

---Seconds since 1970.
---@return number
function socket.gettime() end

---Suspends the caller.
---@param seconds number
function socket.sleep(seconds) end

---Returns a try that calls finalizer before it raises.
---@param finalizer? function
---@return function
function socket.newtry(finalizer) end

---Returns its arguments; raises the second if the first is false or nil.
---@param ... any
---@return any ...
function socket.try(...) end

---Wraps fn: what try raises becomes nil and a message.
---@param fn function
---@return function
function socket.protect(fn) end

---The arguments without the first n.
---@param n integer
---@param ... any
---@return any ...
function socket.skip(n, ...) end

---Chooses a source or sink by its name.
---@param makers table<string, function>
---@return function
function socket.choose(makers) end

---An LTN12 sink: "keep-open", "close-when-done".
---@param name string
---@param tcp moonport.compat.tcp
---@return function
function socket.sink(name, tcp) end

---An LTN12 source: "by-length", "until-closed".
---@param name string
---@param tcp moonport.compat.tcp
---@param length? integer
---@return function
function socket.source(name, tcp, length) end

---A master, client or server.
---@class moonport.compat.tcp
local tcp = {}

---Connects; after "timeout" the attempt goes on, so call it again.
---@param host string
---@param port integer|string
---@return 1|nil, string|nil
function tcp:connect(host, port) end

---Takes a local address.
---@param host string
---@param port integer|string
---@return 1|nil, string|nil
function tcp:bind(host, port) end

---Turns it into a server.
---@param backlog? integer # default 32
---@return 1|nil, string|nil
function tcp:listen(backlog) end

---The next connection.
---@return moonport.compat.tcp|nil, string|nil
function tcp:accept() end

---Returns the index of the last byte sent; or nil, message and that index.
---@param bytes string
---@param first? integer # default 1
---@param last? integer # default -1
---@return integer|nil, string|nil, integer|nil
function tcp:send(bytes, first, last) end

---"*l": a line, without CR and LF; "*a": everything until the peer closes; or a number of bytes. Or nil, message, and
---what had arrived. prefix is put in front, and counts.
---@param pattern? "*l"|"*a"|integer
---@param prefix? string # Put in front; it counts.
---@return string|nil, string|nil, string|nil
function tcp:receive(pattern, prefix) end

---Nil or a negative number: no time-out. 0: nothing waits. Both modes bound a call as a whole; the smaller one
---applies.
---@param seconds number|nil
---@param mode? "b"|"t"
---@return 1
function tcp:settimeout(seconds, mode) end

---The time-outs of "b" and "t"; -1: none.
---@return number, number
function tcp:gettimeout() end

---"send", "receive", "both".
---@param how? "both"|"send"|"receive"
---@return 1
function tcp:shutdown(how) end

---Sends what is queued and closes; also at the end of a <close> variable.
---@return 1
function tcp:close() end

---Address, port (a string) and family of this side.
---@return string|nil, string|nil, "inet"|"inet6"|nil
function tcp:getsockname() end

---Address, port and family of the other side.
---@return string|nil, integer|string|nil, "inet"|"inet6"|nil
function tcp:getpeername() end

---"inet4" or "inet6".
---@return "inet4"|"inet6"
function tcp:getfamily() end

---The descriptor; -1 if there is none.
---@return integer
function tcp:getfd() end

---Whether data is there that receive returns at once.
---@return boolean
function tcp:dirty() end

---Bytes received and sent, and seconds.
---@return integer, integer, number
function tcp:getstats() end

---Sets them.
---@param received? integer
---@param sent? integer
---@param age? number
---@return 1
function tcp:setstats(received, sent, age) end

---"tcp-nodelay", "keepalive", "tcp-keepidle", "tcp-keepintvl", "tcp-keepcnt", "recv-buffer-size", "send-buffer-size";
---"reuseaddr" and "ipv6-v6only" are on; "linger" and "reuseport" can't be set. Raises for others. Before connecting,
---the value is kept until then.
---@param name string
---@param value boolean|integer
---@return 1|nil, string|nil
function tcp:setoption(name, value) end

---The value of the option.
---@param name string
---@return boolean|integer|nil, string|nil
function tcp:getoption(name) end
