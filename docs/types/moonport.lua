---@meta moonport
-- SPDX-License-Identifier: MIT
-- Types for LuaLS: put this folder into workspace.library. spec/api/docs_spec.lua compares it with the program.

---A code of the second kind of result: nil, message, code. See docs/reference/errors.md.
---@alias moonport.Code
---| "ConnectionRefusedError" # Connection refused
---| "RemoteHostClosedError" # The remote host closed the connection
---| "HostNotFoundError" # Host not found; Names beyond ASCII are not supported by this build
---| "SocketAccessError" # Permission denied; The address is protected
---| "SocketResourceError" # Out of resources
---| "SocketTimeoutError" # Network operation timed out; Socket operation timed out
---| "DatagramTooLargeError" # Datagram was too large to send
---| "NetworkError" # Network error; Host unreachable; Network unreachable
---| "AddressInUseError" # The bound address is already in use
---| "SocketAddressNotAvailableError" # The address is not available
---| "UnsupportedSocketOperationError" # Protocol type not supported; Unsupported socket operation
---| "UnfinishedSocketOperationError" # Operation on socket is not supported
---| "OperationError" # Trying to connect while connection is in progress
---| "TemporaryError" # Temporary error
---| "UnknownSocketError" # Unknown error; Socket is not connected; Nothing is queued
---| "WriteBufferFullError" # The write buffer is full
---| "ReadBufferFullError" # What is asked for is larger than the read buffer
---| "TaskFailedError" # the task's own message

---@alias moonport.SocketState
---| "UnconnectedState"
---| "HostLookupState"
---| "ConnectingState"
---| "ConnectedState"
---| "BoundState"
---| "ListeningState" # Qt's, not used
---| "ClosingState" # what is queued is still sent

---@alias moonport.SocketOption
---| "LowDelayOption" # TCP_NODELAY; on by default
---| "KeepAliveOption" # SO_KEEPALIVE
---| "MulticastTtlOption"
---| "MulticastLoopbackOption"
---| "TypeOfServiceOption" # IP_TOS
---| "SendBufferSizeSocketOption" # SO_SNDBUF, bytes
---| "ReceiveBufferSizeSocketOption" # SO_RCVBUF, bytes
---| "PathMtuSocketOption" # IP_MTU
---| "LingerOption" # SO_LINGER: 0, abort resets the connection; -1, it doesn't
---| "KeepAliveIdleOption" # TCP_KEEPIDLE, seconds
---| "KeepAliveIntervalOption" # TCP_KEEPINTVL, seconds
---| "KeepAliveCountOption" # TCP_KEEPCNT

---@alias moonport.Protocol
---| "IPv4Protocol"
---| "IPv6Protocol"
---| "AnyIPProtocol"
---| "UnknownNetworkLayerProtocol" # Null

---@alias moonport.Conversion
---| "TolerantConversion"
---| "StrictConversion"
---| "ConvertV4MappedToIPv4"
---| "ConvertV4CompatToIPv4"
---| "ConvertUnspecifiedAddress"
---| "ConvertLocalHost"

---"127.0.0.1", "::1", "any", "localhost", or a HostAddress
---@alias moonport.Address string|moonport.HostAddress

---"ReadWrite", "ReadOnly", "WriteOnly", "NotOpen", with "|Text" and others
---@alias moonport.OpenMode string

---"DefaultForPlatform", "ShareAddress", "DontShareAddress", "ReuseAddressHint", joined with "|"
---@alias moonport.BindMode string

---What has signals.
---@class moonport.Object

---Listens, and accepts connections: QTcpServer.
---@class moonport.TcpServer: moonport.Object
---A connection was accepted; take it with nextPendingConnection.
---@field newConnection? fun(self: moonport.TcpServer)
---The same, right before newConnection.
---@field pendingConnectionAvailable? fun(self: moonport.TcpServer)
---Accepting failed, mostly with "SocketResourceError": out of descriptors. The server accepts again when there are
---some, see the guide limits. Once per shortage.
---@field acceptError? fun(self: moonport.TcpServer, code: moonport.Code)
---After a reload, once for each open connection that the server took over, before that connection's next event.
---@field connectionResumed? fun(self: moonport.TcpServer, socket: moonport.TcpSocket)
---@field connection moonport.TcpSocket|table # The prototype of its connections: handlers, data, methods.
local TcpServer = {}

---Listens. Port 0: the system chooses, see serverPort. "any" takes IPv4 and IPv6 with one socket, "::" only IPv6,
---"0.0.0.0" only IPv4. Fails with AddressInUseError, SocketAddressNotAvailableError, SocketAccessError,
---SocketResourceError, UnsupportedSocketOperationError, or OperationError if it listens already. The message says so
---if the address is in use by a server of the same program. Sets SO_REUSEADDR.
---@param address? moonport.Address # default "any"
---@param port? integer # default 0
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:listen(address, port) end

---Stops listening. Closes the connections that nobody has taken; those taken stay. Also called at the end of a
---<close> variable.
function TcpServer:close() end

---Whether it listens.
---@return boolean
function TcpServer:isListening() end

---Where it listens; "any" for both families; nil if it doesn't.
---@return string|nil
function TcpServer:serverAddress() end

---The port, 0 if it doesn't listen.
---@return integer
function TcpServer:serverPort() end

---For the next listen: how many clients may wait in the system to be accepted.
---@param n integer
function TcpServer:setListenBacklogSize(n) end

---Default 4096 on Linux: the largest that its headers name (D12).
---@return integer
function TcpServer:listenBacklogSize() end

---Adopts a descriptor that already listens, for instance systemd's. Fails with UnsupportedSocketOperationError if the
---descriptor doesn't listen, OperationError if the server listens already.
---@param fd integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:setSocketDescriptor(fd) end

---The descriptor, -1 if it doesn't listen.
---@return integer
function TcpServer:socketDescriptor() end

---The last error, "UnknownSocketError" if there was none; success doesn't clear it.
---@return moonport.Code
function TcpServer:serverError() end

---The words of that error, "" if there was none.
---@return string
function TcpServer:errorString() end

---Takes the connection that has waited longest; nil if none waits. A connection that you take late may already have
---data, or be closed.
---@return moonport.TcpSocket|nil
function TcpServer:nextPendingConnection() end

---Whether a connection waits to be taken.
---@return boolean
function TcpServer:hasPendingConnections() end

---Suspends the handler until a connection can be taken; returns at once if one can. Accepts even when paused. Fails
---with SocketTimeoutError, or OperationError if the server doesn't listen (any more).
---@param msec? number # default 0
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:waitForNewConnection(msec) end

---How many may wait to be taken; further clients wait in the backlog. 0 or less accepts nothing. When you raise it,
---accepting goes on.
---@param n integer
function TcpServer:setMaxPendingConnections(n) end

---Default 30.
---@return integer
function TcpServer:maxPendingConnections() end

---Stops accepting; clients wait in the backlog.
function TcpServer:pauseAccepting() end

---Accepts again, also after acceptError.
function TcpServer:resumeAccepting() end

---Over the open connections that were taken, as they are at the call: for socket in server:connections() do … end.
---The loop may close them.
---@return fun(): moonport.TcpSocket|nil
function TcpServer:connections() end

---The number of these.
---@return integer
function TcpServer:connectionCount() end

---At most this many connections at once, including those that wait to be taken; further clients wait in the backlog.
---0: no limit.
---@param n integer
function TcpServer:setMaxConnections(n) end

---Default 0.
---@return integer
function TcpServer:maxConnections() end

---How many bytes may be unread in a connection; 0: no limit.
---@param n integer
function TcpServer:setReadBufferSize(n) end

---Default 16777216.
---@return integer
function TcpServer:readBufferSize() end

---How many bytes may wait to be sent; 0: no limit.
---@param n integer
function TcpServer:setWriteBufferLimit(n) end

---Default 16777216.
---@return integer
function TcpServer:writeBufferLimit() end

---With more unsent bytes than this, a connection isn't read; 0: off.
---@param n integer
function TcpServer:setHighWaterMark(n) end

---Default 1048576.
---@return integer
function TcpServer:highWaterMark() end

---A connection ends after this time without a byte either way; 0, -1 or infinite: never, another negative number
---raises.
---@param msec number
function TcpServer:setIdleTimeout(msec) end

---Milliseconds, default 0: never.
---@return number
function TcpServer:idleTimeout() end

---Whether a connection stays open when its peer has finished sending.
---@param allow boolean
function TcpServer:setAllowHalfOpen(allow) end

---Default false.
---@return boolean
function TcpServer:allowHalfOpen() end

---True: drops its signals until blockSignals(false), and doesn't keep them. Returns what was set before.
---@param block boolean
---@return boolean
function TcpServer:blockSignals(block) end

---Whether signals are blocked.
---@return boolean
function TcpServer:signalsBlocked() end

---One connection: QTcpSocket.
---@class moonport.TcpSocket: moonport.Object
---Data has arrived; not again for what is left unread. It isn't delivered again while its handler waits: what arrives
---meanwhile is signalled once, when the handler ends.
---@field readyRead? fun(self: moonport.TcpSocket)
---n bytes went to the system; like readyRead, not again while its handler waits.
---@field bytesWritten? fun(self: moonport.TcpSocket, n: integer)
---The connection is established; not for accepted ones.
---@field connected? fun(self: moonport.TcpSocket)
---The connection has ended; its last signal.
---@field disconnected? fun(self: moonport.TcpSocket)
---The name was looked up.
---@field hostFound? fun(self: moonport.TcpSocket)
---The state changed.
---@field stateChanged? fun(self: moonport.TcpSocket, state: moonport.SocketState)
---A failure that no call returns.
---@field errorOccurred? fun(self: moonport.TcpSocket, code: moonport.Code)
---The script called close or abort.
---@field aboutToClose? fun(self: moonport.TcpSocket)
---No more data will arrive; you can still read what is there.
---@field readChannelFinished? fun(self: moonport.TcpSocket)
local TcpSocket = {}

---Begins to connect; signals or waitForConnected report the rest. host is a name or an address ("any" means 0.0.0.0,
---this host). The addresses of a name are raced, IPv6 first (D15). A name beyond ASCII, in UTF-8, is looked up in its
---ASCII form. After 30 s it gives up with SocketTimeoutError. Clears both buffers and the error. protocol
---"IPv4Protocol" or "IPv6Protocol" takes only such addresses. Fails with OperationError unless Unconnected or Bound,
---HostNotFoundError for an address of the other family, SocketResourceError.
---@param host moonport.Address
---@param port integer
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@param protocol? moonport.Protocol # default "AnyIPProtocol"
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:connectToHost(host, port, openMode, protocol) end

---Sends what is queued, then closes; unread data stays. While connecting: as soon as connected. No effect when
---Unconnected.
function TcpSocket:disconnectFromHost() end

---Drops unread data, then does as disconnectFromHost. You can use the socket again. Also called at the end of a
---<close> variable.
function TcpSocket:close() end

---Closes at once; drops both buffers.
function TcpSocket:abort() end

---Takes a local address before connecting. bind(port, mode) works too. Modes, joined with a vertical bar:
---"ShareAddress", "DontShareAddress", "ReuseAddressHint". Fails, and signals errorOccurred, with AddressInUseError,
---SocketAddressNotAvailableError, SocketAccessError, UnfinishedSocketOperationError (not Unconnected).
---@param address? moonport.Address # default "any"
---@param port? integer # default 0
---@param mode? moonport.BindMode # default "DefaultForPlatform"
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:bind(address, port, mode) end

---Adopts a stream socket or pipe, and closes it from now on. If the descriptor was blocking, it is blocking again
---then, and when the program ends. state is "ConnectedState", "BoundState" or "UnconnectedState"; others raise. Never
---signals connected. Fails with UnsupportedSocketOperationError ("Invalid socket descriptor").
---@param fd integer
---@param state? "ConnectedState"|"BoundState"|"UnconnectedState" # default "ConnectedState"
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:setSocketDescriptor(fd, state, openMode) end

---The descriptor; -1 when there is none, and while connecting.
---@return integer
function TcpSocket:socketDescriptor() end

---One of the states above.
---@return moonport.SocketState
function TcpSocket:state() end

---The last error; "UnknownSocketError" if there was none.
---@return moonport.Code
function TcpSocket:error() end

---The words of that error.
---@return string
function TcpSocket:errorString() end

---Whether it has a descriptor or is open; so still true after the peer has closed.
---@return boolean
function TcpSocket:isValid() end

---"TcpSocket".
---@return string
function TcpSocket:socketType() end

---Nil unless bound or connected.
---@return string|nil
function TcpSocket:localAddress() end

---0 unless bound or connected.
---@return integer
function TcpSocket:localPort() end

---Nil unless connected. An IPv4 peer of a server on "any" is ::ffff:a.b.c.d. After connectToHost("any", …) it is the
---address of this host that was reached.
---@return string|nil
function TcpSocket:peerAddress() end

---0 unless connected.
---@return integer
function TcpSocket:peerPort() end

---The host given to connectToHost, or "".
---@return string
function TcpSocket:peerName() end

---The server that accepted it.
---@return moonport.TcpServer|nil
function TcpSocket:server() end

---Total bytes that have arrived.
---@return integer
function TcpSocket:bytesRead() end

---Total bytes that the system has taken.
---@return integer
function TcpSocket:bytesSent() end

---At most maxSize bytes, "" if nothing is there now. Fails at the end.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:read(maxSize) end

---Everything that is there, "" if nothing is; never fails.
---@return string
function TcpSocket:readAll() end

---Everything up to and including the next "\n", at most maxSize bytes (D13). If there is no "\n", what is there: so
---ask canReadLine first, or use receive "line". Fails at the end.
---@param maxSize? integer
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:readLine(maxSize) end

---Whether a "\n" is there.
---@return boolean
function TcpSocket:canReadLine() end

---As read, but leaves the bytes there.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:peek(maxSize) end

---Discards at most maxSize bytes; returns how many. Fails at the end, skip(0) too.
---@param maxSize integer
---@return integer|nil, string|nil, moonport.Code|nil
function TcpSocket:skip(maxSize) end

---One byte. Fails with TemporaryError if nothing is there now.
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:getChar() end

---Puts a byte back in front; c is a string of one byte, or 0 to 255. Fails with UnfinishedSocketOperationError within
---a transaction.
---@param c string|integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:ungetChar(c) end

---How many bytes are there.
---@return integer
function TcpSocket:bytesAvailable() end

---True if nothing can be read now, also on a live connection.
---@return boolean
function TcpSocket:atEnd() end

---What is read from now on can be put back. Fails with UnfinishedSocketOperationError within a transaction.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:startTransaction() end

---Removes what was read for good. Fails with the same code without a transaction.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:commitTransaction() end

---Puts back what was read. Fails with the same code without a transaction.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:rollbackTransaction() end

---Whether a transaction is open.
---@return boolean
function TcpSocket:isTransactionStarted() end

---Queues all of data, or its first maxSize bytes. They are sent together when the running handler returns or waits,
---at the latest after those of 15 other sockets that became readable with this one. Allowed from connectToHost on,
---and in ClosingState. Fails with WriteBufferFullError over the limit, and then queues nothing; OperationError if not
---open, read-only or after closeWriteChannel; UnknownSocketError if not connected. None of these is signalled.
---@param data string
---@param maxSize? integer
---@return integer|nil, string|nil, moonport.Code|nil
function TcpSocket:write(data, maxSize) end

---Writes one byte: a string of one byte, or 0 to 255; fails as write does.
---@param c string|integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:putChar(c) end

---How many bytes are queued.
---@return integer
function TcpSocket:bytesToWrite() end

---Sends now what the system takes; true if it sent anything.
---@return boolean
function TcpSocket:flush() end

---Sends what is queued, then tells the peer that no more comes; while connecting, as soon as connected. The state
---stays Connected, and reading goes on. When the peer ends too, the connection closes by itself, also with
---setAllowHalfOpen(true). Later writes fail with OperationError. A second call does no harm. Fails with
---UnknownSocketError if not connected, UnsupportedSocketOperationError on a pipe that is read; closes a pipe that is
---only written.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:closeWriteChannel() end

---Waits until connected. Fails as connecting does. When the time is up it gives up the attempt: SocketTimeoutError.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForConnected(msec) end

---Waits for new data, even if there is unread data. Fails at the end, and with SocketTimeoutError, which is signalled
---as well; the connection stays.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForReadyRead(msec) end

---Waits until something was sent. Fails at once if nothing is queued; otherwise as above.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForBytesWritten(msec) end

---Waits for the end of the connection. Fails with UnknownSocketError if Unconnected; while connecting, as connecting
---fails; otherwise as above.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForDisconnected(msec) end

---Waits for a number of bytes, for "line" (without its "\n" or "\r\n"), or for "all" until the peer or the script
---ends the connection. Otherwise returns nil, message, code, and as a fourth value what had arrived, which it takes
---from the socket. Codes: SocketTimeoutError (not signalled), RemoteHostClosedError and others at the end,
---ReadBufferFullError.
---@param what integer|"line"|"all"
---@param msec? number # default 30000
---@return string|nil, string|nil, moonport.Code|nil, string|nil
function TcpSocket:receive(what, msec) end

---for line in socket:lines() do … end: waits for each line, as long as it takes, until the end. The last line may
---lack its "\n". With true the line ends stay. A line longer than the read buffer ends the loop too; then error() is
---"ReadBufferFullError". Unless somebody reads on, the connection is closed when the handler has ended.
---@param keepEnd? boolean # default false
---@return fun(): string|nil
function TcpSocket:lines(keepEnd) end

---How many bytes may be unread; 0: no limit.
---@param n integer
function TcpSocket:setReadBufferSize(n) end

---Default 16777216.
---@return integer
function TcpSocket:readBufferSize() end

---How many bytes may wait to be sent; 0: no limit.
---@param n integer
function TcpSocket:setWriteBufferLimit(n) end

---Default 16777216.
---@return integer
function TcpSocket:writeBufferLimit() end

---With more unsent bytes than this, the socket isn't read; 0: off.
---@param n integer
function TcpSocket:setHighWaterMark(n) end

---Default 1048576.
---@return integer
function TcpSocket:highWaterMark() end

---The connection ends with errorOccurred("SocketTimeoutError") after this time without a byte either way; 0, -1 or
---infinite: never, another negative number raises.
---@param msec number
function TcpSocket:setIdleTimeout(msec) end

---Milliseconds, default 0: never.
---@return number
function TcpSocket:idleTimeout() end

---True: when the peer has finished sending, only readChannelFinished is signalled, and the connection stays until the
---script closes it.
---@param allow boolean
function TcpSocket:setAllowHalfOpen(allow) end

---Default false.
---@return boolean
function TcpSocket:allowHalfOpen() end

---value is an integer or a boolean. While connecting, the value is kept, and set before the connection is established
---(D32); if the system refuses it then, that is logged. Otherwise fails with UnknownSocketError without a descriptor,
---UnsupportedSocketOperationError if the system refuses.
---@param name moonport.SocketOption
---@param value integer|boolean
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:setSocketOption(name, value) end

---Nil without a descriptor; while connecting, what was set, or nil.
---@param name moonport.SocketOption
---@return integer|nil
function TcpSocket:socketOption(name) end

---Clears both buffers and the error; connectToHost does it by itself.
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true
function TcpSocket:open(openMode) end

---"NotOpen", "ReadWrite", "ReadOnly" …
---@return moonport.OpenMode
function TcpSocket:openMode() end

---True from connectToHost (or acceptance) until close or abort; stays true when the peer closes.
---@return boolean
function TcpSocket:isOpen() end

---By the open mode.
---@return boolean
function TcpSocket:isReadable() end

---By the open mode.
---@return boolean
function TcpSocket:isWritable() end

---A connection has no positions.
---@return true
function TcpSocket:isSequential() end

---For the same reason.
---@return 0
function TcpSocket:pos() end

---Fails with OperationError: a connection has no positions.
---@param pos integer
---@return nil, string, moonport.Code
function TcpSocket:seek(pos) end

---Fails with the same code.
---@return nil, string, moonport.Code
function TcpSocket:reset() end

---As bytesAvailable.
---@return integer
function TcpSocket:size() end

---True: reads drop every "\r", but receive returns the bytes as they came. Fails with OperationError if not open.
---@param enabled boolean
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:setTextModeEnabled(enabled) end

---Default false.
---@return boolean
function TcpSocket:isTextModeEnabled() end

---1 if it is readable and connected, or was, or was opened by open; 0 while connecting, and after close.
---@return integer
function TcpSocket:readChannelCount() end

---1 if it is writable and connected or closing, until closeWriteChannel, or was opened by open.
---@return integer
function TcpSocket:writeChannelCount() end

---True: drops its signals until blockSignals(false), and doesn't keep them; data still arrives. Returns what was set
---before.
---@param block boolean
---@return boolean
function TcpSocket:blockSignals(block) end

---Whether signals are blocked.
---@return boolean
function TcpSocket:signalsBlocked() end

---Calls a handler after a time: QTimer.
---@class moonport.Timer: moonport.Object
---Its time is up. A loop that was late gives one timeout, not several. While its handler waits, further timeouts run
---the handler again beside it.
---@field timeout? fun(self: moonport.Timer)
local Timer = {}

---Starts the timer, or starts it again; with msec, sets the interval first.
---@param msec? number
function Timer:start(msec) end

---Stops it: no more timeouts. Also called at the end of a <close> variable.
function Timer:stop() end

---Whether it runs; a single-shot timer is already inactive when its handler runs.
---@return boolean
function Timer:isActive() end

---Sets the interval; a running timer starts again. Negative or infinite raises. 0: once per turn of the loop.
---@param msec number
function Timer:setInterval(msec) end

---Milliseconds, default 0.
---@return number
function Timer:interval() end

---True: it stops after one timeout.
---@param single boolean
function Timer:setSingleShot(single) end

---Default false.
---@return boolean
function Timer:isSingleShot() end

---Milliseconds until the next timeout, rounded up, 0 if it is due, -1 if the timer isn't active.
---@return integer
function Timer:remainingTime() end

---True: drops timeouts until blockSignals(false). Returns what was set before.
---@param block boolean
---@return boolean
function Timer:blockSignals(block) end

---Whether signals are blocked.
---@return boolean
function Timer:signalsBlocked() end

---An IPv4 or IPv6 address: QHostAddress. A value; == is strict.
---@class moonport.HostAddress
local HostAddress = {}

---As tostring(address): IPv6 as in RFC 5952; "" for Null; "0.0.0.0" for "any", as in Qt.
---@return string
function HostAddress:toString() end

---"IPv4Protocol", "IPv6Protocol", "AnyIPProtocol" (only "any"), "UnknownNetworkLayerProtocol" (Null).
---@return moonport.Protocol
function HostAddress:protocol() end

---The interface of an IPv6 address such as fe80::1%eth0, or "".
---@return string
function HostAddress:scopeId() end

---No address at all.
---@return boolean
function HostAddress:isNull() end

---127.0.0.0/8, ::1.
---@return boolean
function HostAddress:isLoopback() end

---224.0.0.0/4, ff00::/8.
---@return boolean
function HostAddress:isMulticast() end

---255.255.255.255.
---@return boolean
function HostAddress:isBroadcast() end

---169.254.0.0/16, fe80::/10.
---@return boolean
function HostAddress:isLinkLocal() end

---In fec0::/10.
---@return boolean
function HostAddress:isSiteLocal() end

---In fc00::/7.
---@return boolean
function HostAddress:isUniqueLocalUnicast() end

---10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7.
---@return boolean
function HostAddress:isPrivateUse() end

---Unicast, and neither loopback nor link-local nor reserved; as in Qt private addresses are global.
---@return boolean
function HostAddress:isGlobal() end

---"10.0.0.0/8", "10.0.0.0/255.0.0.0", "fe80::/10"; or a network's address and the number of bits. False for another
---family, except for mapped addresses (D31); raises if it isn't a subnet.
---@param subnet moonport.Address
---@param bits? integer
---@return boolean
function HostAddress:isInSubnet(subnet, bits) end

---True also for other spellings of one address: ::ffff:127.0.0.1, ::127.0.0.1 and 127.0.0.1; "any", "::" and
---"0.0.0.0"; ::1 and 127.0.0.1. mode allows only one of these: "ConvertV4MappedToIPv4", "ConvertV4CompatToIPv4",
---"ConvertUnspecifiedAddress", "ConvertLocalHost"; several joined by a bar; or none: "StrictConversion".
---@param other moonport.Address
---@param mode? moonport.Conversion # default "TolerantConversion"
---@return boolean
function HostAddress:isEqual(other, mode) end

---The 32 bits of an IPv4 or mapped address, 0 for "any" and "::"; nil for others.
---@return integer|nil
function HostAddress:toIPv4Address() end

---16 bytes; IPv4 is mapped.
---@return string
function HostAddress:toIPv6Address() end

---A function that runs beside the handlers.
---@class moonport.Task
local Task = {}

---Suspends the caller until the task has ended. Fails with TaskFailedError and the task's message if it ended by an
---error, OperationError if it was cancelled, SocketTimeoutError if it still runs after msec. You may call it again,
---and from several places. A task that joins itself raises.
---@param msec? number # default -1
---@return any ...
function Task:join(msec) end

---Ends the task where it waits, and closes its variables with <close>. False if the task was over already. A task
---that cancels itself ends there.
---@return boolean
function Task:cancel() end

---False once the task is over.
---@return boolean
function Task:isActive() end

---A handler that moonport.connect has added.
---@class moonport.Connection

---@class moonport.Stats
---@field connections integer # Connections that are open now.
---@field accepted integer # Total connections accepted.
---@field connected integer # Total connections made.
---@field bytesRead integer
---@field bytesSent integer
---@field handlerErrors integer # Total errors in handlers and tasks.
---@field iterations integer # Turns of the loop.
---@field objects integer # Servers, sockets, timers and tasks that exist now.
---@field tasks integer # Tasks and handlers that wait now.
---@field generation integer # The number of the run that serves now.
---@field reload? moonport.ReloadStats # Only in the program.
---@field memory integer # Bytes that Lua uses.

---Each writes one line to standard error: a format as for string.format, or a single value. Never raises for its
---arguments: the line then says what doesn't fit.
---@class moonport.Log
---@field debug fun(format?: any, ...: any)
---@field info fun(format?: any, ...: any)
---@field warning fun(format?: any, ...: any)
---@field error fun(format?: any, ...: any)

---@class moonport
---@field version string
---@field log moonport.Log
local moonport = {}

---Creates a server.
---@return moonport.TcpServer
function moonport.TcpServer() end

---Creates a socket.
---@return moonport.TcpSocket
function moonport.TcpSocket() end

---Creates a timer.
---@return moonport.Timer
function moonport.Timer() end

---Creates an address from a text, or from the number of an IPv4 address; without either it is Null. Fails with
---HostNotFoundError if the text isn't an address. It is a table that can be called, and holds what
---moonport.HostAddressClass says.
---@param text? string|integer|moonport.HostAddress
---@return moonport.HostAddress|nil, string|nil, moonport.Code|nil
function moonport.HostAddress(text) end

---What moonport.HostAddress holds beside: Qt's special addresses, and what makes others.
---@class moonport.HostAddressClass
---@field Null moonport.HostAddress
---@field Any moonport.HostAddress dual stack
---@field AnyIPv4 moonport.HostAddress 0.0.0.0
---@field AnyIPv6 moonport.HostAddress ::
---@field LocalHost moonport.HostAddress 127.0.0.1
---@field LocalHostIPv6 moonport.HostAddress ::1
---@field Broadcast moonport.HostAddress 255.255.255.255
---@field fromIPv6Address fun(bytes: string): moonport.HostAddress from the 16 bytes that toIPv6Address returns
---@field parseSubnet fun(text: string): moonport.HostAddress|nil, integer|string, moonport.Code|nil # network, bits

---Runs fn once after msec; stop prevents that.
---@param msec number
---@param fn fun(self: moonport.Timer)
---@return moonport.Timer
function moonport.singleShot(msec, fn) end

---Adds a handler for a signal, after those that the object has. options: { singleShot = true } runs it once. Raises
---for an unknown signal or option, and says which was meant.
---@param object moonport.Object
---@param signal string
---@param fn fun(self: any, ...: any)
---@param options? { singleShot: boolean }
---@return moonport.Connection
function moonport.connect(object, signal, fn, options) end

---Removes the handler; false if it was removed already. A handler that the running emission hasn't reached yet isn't
---called.
---@param connection moonport.Connection
---@return boolean
function moonport.disconnect(connection) end

---After an error in a handler or task is logged, fn(text, object, signal) is called as a handler of its own. text has
---the traceback. For a task, object and signal are nil. nil removes the function.
---@param fn? fun(text: string, object: moonport.Object|nil, signal: string|nil)
function moonport.onError(fn) end

---Runs fn(...) as a task.
---@param fn function
---@param ... any
---@return moonport.Task
function moonport.spawn(fn, ...) end

---Suspends the calling handler or task. -1: until it is cancelled; any other negative time counts as already over.
---@param msec number
---@return true
function moonport.sleep(msec) end

---Waits for the addresses of a name, and does not connect: those that connectToHost would try, in its order, and for
---how many seconds they are known to hold (0: not known). When one family has answered it waits at most a second for
---the other. A literal address is its own answer, "any" is "0.0.0.0". Fails with HostNotFoundError or
---SocketResourceError.
---@param name string
---@param protocol? moonport.Protocol # default "AnyIPProtocol"
---@return string[]|nil, integer|string, moonport.Code|nil
function moonport.lookup(name, protocol) end

---Milliseconds of a clock that nobody can set. It starts anywhere: use it only for differences.
---@return integer
function moonport.now() end

---Nanoseconds of the same clock.
---@return integer
function moonport.hrtime() end

---Stops the program gracefully. status: 0 to 255.
---@param status? integer # default 0
function moonport.quit(status) end

---Runs the loop until nothing is left or quit is called; returns the status. Only in a plain lua5.4; inside the
---program it raises.
---@return integer
function moonport.run() end

---Returns the value that an earlier generation stored under the name; the first time it stores init. Tables and
---objects keep their identity.
---@param name any
---@param init? any
---@return any
function moonport.persist(name, init) end

---@class moonport.ReloadStats
---@field generation integer
---@field count integer # Reloads that took over.
---@field failures integer # Reloads that failed.
---@field resumeErrors integer # connectionResumed handlers that raised an error.
---@field duration integer # Of the last one, in ms.
---@field time? integer # Of the last one, seconds since 1970.
---@field lastError? string
---@field older { generation: integer, connections: integer, handlers: integer, source: string }[]

---@class moonport.ReloadReport
---@field generation integer # The one that serves now.
---@field duration integer # ms
---@field error? string # Why it failed, with a traceback.
---@field kept? integer # Listeners that were taken over.
---@field added? integer
---@field closed? integer
---@field connections? integer

---Loads the script again, between two events. Fails with UnfinishedSocketOperationError if there is no script file
---(standard input, plain Lua) or the program is stopping.
---@return true|nil, string|nil, moonport.Code|nil
function moonport.reload() end

---fn(ok, report) is called after each reload, as a task. report has generation, duration (ms), and kept, added,
---closed (listeners) and connections, or error. nil removes the function.
---@param fn? fun(ok: boolean, report: moonport.ReloadReport)
function moonport.onReload(fn) end

---When the program is told to stop, its listeners close, and fn() is called, as a task. It may wait for connections
---to end or for data to be saved. When it returns, the connections are closed. The grace time bounds all of that.
---quit(n) in it changes the exit status. nil removes the function. Only in the program.
---@param fn? fun()
function moonport.onQuit(fn) end

---The number of the run to which the calling code belongs, from 1.
---@return integer
function moonport.generation() end

---Whether newer code has taken over since the calling code was loaded; a long loop asks it to know when to end.
---@return boolean
function moonport.stale() end

---Counts of the process.
---@return moonport.Stats
function moonport.stats() end

return moonport
