---@meta moonport.compat.socket
-- SPDX-License-Identifier: MIT
-- Types of moonport.compat.socket for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---LuaSocket's interface on moonport's waits. Times are in seconds.
---@class moonport.compat.socket
---@field _VERSION string
---@field BLOCKSIZE integer
---@field dns moonport.compat.dns
---@field unix moonport.compat.unixes
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

---A new datagram socket, of the family of its first address.
---@return moonport.compat.udp
function socket.udp() end

---The same, IPv4 only, with a descriptor from the first.
---@return moonport.compat.udp|nil, string|nil
function socket.udp4() end

---The same, IPv6 only.
---@return moonport.compat.udp|nil, string|nil
function socket.udp6() end

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
---@param readers table[]|nil
---@param writers table[]|nil
---@param seconds? number
---@return table[], table[], "timeout"|nil
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

---The same.
---@param host string
---@param port integer|string
---@return 1|nil, string|nil
function tcp:setpeername(host, port) end

---Takes a local address.
---@param host string
---@param port integer|string
---@return 1|nil, string|nil
function tcp:bind(host, port) end

---The same.
---@param host string
---@param port integer|string
---@return 1|nil, string|nil
function tcp:setsockname(host, port) end

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

---Nil or a negative number: no time-out. 0: nothing waits. "t" bounds a call as a whole; so does "b" alone, and with
---both it bounds each wait.
---@param seconds number|nil
---@param mode? string
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

---Adopts a descriptor of its kind, instead of its own.
---@param fd integer
function tcp:setfd(fd) end

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

---"tcp-nodelay", "keepalive", "tcp-keepidle", "tcp-keepintvl", "tcp-keepcnt", "recv-buffer-size", "send-buffer-size",
---"linger", "reuseaddr", "reuseport", "ipv6-v6only". Raises for others.
---@param name string
---@param value boolean|integer|table
---@return 1|nil, string|nil
function tcp:setoption(name, value) end

---The value of the option; "error": why an attempt to connect failed, once.
---@param name string
---@return boolean|integer|string|table|nil, string|nil
function tcp:getoption(name) end

---A datagram socket, unconnected or connected. What isn't here is as in tcp.
---@class moonport.compat.udp: moonport.compat.tcp
local udp = {}

---Receives what is sent to that address; "*": every IPv4 address.
---@param host string
---@param port integer|string
---@return 1|nil, string|nil
function udp:setsockname(host, port) end

---Sends to that peer, and receives only from it; "*": from all again.
---@param host string
---@param port? integer|string
---@return 1|nil, string|nil
function udp:setpeername(host, port) end

---To the peer; the number of bytes.
---@param data string
---@return integer|nil, string|nil
function udp:send(data) end

---To an address, not a name.
---@param data string
---@param address string
---@param port integer|string
---@return integer|nil, string|nil
function udp:sendto(data, address, port) end

---The next datagram; what is beyond size is lost.
---@param size? integer # default 8192
---@return string|nil, string|nil
function udp:receive(size) end

---The next datagram, and the address and port of who sent it.
---@param size? integer # default 8192
---@return string|nil, string|nil, integer|nil
function udp:receivefrom(size) end

---Address, port (a string) and family of this side.
---@return string|nil, string|nil, "inet"|"inet6"|nil
function udp:getsockname() end

---Address, port and family of the peer.
---@return string|nil, integer|string|nil, "inet"|"inet6"|nil
function udp:getpeername() end

---False.
---@return false
function udp.dirty() end

---@param name string
---@param value boolean|integer|string|table
---@return 1|nil, string|nil
function udp:setoption(name, value) end

---@param name string
---@return boolean|integer|string|nil, string|nil
function udp:getoption(name) end

---@class moonport.compat.unixes
---@overload fun(): moonport.compat.unix
---@field stream fun(): moonport.compat.unix
---@field tcp fun(): moonport.compat.unix

---A Unix-domain socket. What isn't here is as in tcp.
---@class moonport.compat.unix: moonport.compat.tcp
local unix = {}

---Makes the file; a path that begins with a NUL is an abstract name.
---@param path string
---@return 1|nil, string|nil
function unix:bind(path) end

---The same.
---@param path string
---@return 1|nil, string|nil
function unix:setsockname(path) end

---Turns it into a server.
---@param backlog? integer
---@return 1|nil, string|nil
function unix:listen(backlog) end

---Connects.
---@param path string
---@return 1|nil, string|nil
function unix:connect(path) end

---The same.
---@param path string
---@return 1|nil, string|nil
function unix:setpeername(path) end

---The path of this side, or "".
---@return string|nil, string|nil
function unix:getsockname() end

---"keepalive", "reuseaddr", "linger".
---@param name string
---@param value boolean|table
---@return 1|nil, string|nil
function unix:setoption(name, value) end

---@class moonport.compat.dns
local dns = {}

---The first IPv4 address of a name, and a table with name, alias and ip.
---@param host string
---@return string|nil, table|string
function dns.toip(host) end

---The name of an address, and the same table.
---@param address string
---@return string|nil, table|string
function dns.tohostname(address) end

---Tables of family and addr.
---@param host string
---@return table[]|nil, string|nil
function dns.getaddrinfo(host) end

---The names of all addresses of a host, and the name of a service.
---@param host string|nil
---@param service? integer|string
---@return string[]|nil, string|nil
function dns.getnameinfo(host, service) end

---The name of this machine.
---@return string|nil, string|nil
function dns.gethostname() end

