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
---| "LowDelayOption" # TCP_NODELAY; on at first
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
---Accepting failed, mostly with "SocketResourceError": out of descriptors. Accepting rests until there are some
---again, see the guide limits. Once for each shortage.
---@field acceptError? fun(self: moonport.TcpServer, code: moonport.Code)
---After a reload, once for each open connection that the server has taken over, before that connection's next event.
---@field connectionResumed? fun(self: moonport.TcpServer, socket: moonport.TcpSocket)
---@field connection moonport.TcpSocket|table # The prototype of its connections: handlers, data, methods.
local TcpServer = {}

---Listens. Port 0: the system chooses, see serverPort. "any" takes IPv4 and IPv6 with one socket, "::" only IPv6,
---"0.0.0.0" only IPv4. Fails with AddressInUseError, SocketAddressNotAvailableError, SocketAccessError,
---SocketResourceError, UnsupportedSocketOperationError, or OperationError if it listens already. SO_REUSEADDR is
---set.
---@param address? moonport.Address # "any" if left out
---@param port? integer # 0 if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:listen(address, port) end

---Stops listening. Connections that nobody has taken are closed, those taken stay. Also called at the end of a
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

---For the next listen: how many clients the system lets wait to be accepted.
---@param n integer
function TcpServer:setListenBacklogSize(n) end

---4096 at first on Linux: the largest that its headers name (D12).
---@return integer
function TcpServer:listenBacklogSize() end

---Takes over a descriptor that already listens. Fails with UnsupportedSocketOperationError if it doesn't,
---OperationError if the server listens already.
---@param fd integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:setSocketDescriptor(fd) end

---The descriptor, -1 if it doesn't listen.
---@return integer
function TcpServer:socketDescriptor() end

---The last error, "UnknownSocketError" if there was none; success doesn't clear it.
---@return moonport.Code
function TcpServer:serverError() end

---Its words, "" if there was none.
---@return string
function TcpServer:errorString() end

---Takes the connection that has waited longest, nil if none does. One taken late may have data already, or have
---ended.
---@return moonport.TcpSocket|nil
function TcpServer:nextPendingConnection() end

---Whether a connection can be taken.
---@return boolean
function TcpServer:hasPendingConnections() end

---Suspends the handler until a connection can be taken, at once if one can. Accepts although paused. Fails with
---SocketTimeoutError, or OperationError if the server doesn't listen (any more).
---@param msec? number # 0 if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:waitForNewConnection(msec) end

---How many may wait to be taken; further clients wait in the backlog. 0 or less accepts nothing. Raising it goes on
---accepting.
---@param n integer
function TcpServer:setMaxPendingConnections(n) end

---30 at first.
---@return integer
function TcpServer:maxPendingConnections() end

---Accepts no more; clients wait in the backlog.
function TcpServer:pauseAccepting() end

---Accepts again, also after acceptError.
function TcpServer:resumeAccepting() end

---Over its open connections that were taken, as they are now: for socket in server:connections() do … end. They
---may be closed in the loop.
---@return fun(): moonport.TcpSocket|nil
function TcpServer:connections() end

---How many these are.
---@return integer
function TcpServer:connectionCount() end

---At most so many connections at once, waiting ones included; further clients wait in the backlog. 0: no limit.
---@param n integer
function TcpServer:setMaxConnections(n) end

---0 at first.
---@return integer
function TcpServer:maxConnections() end

---Bytes that may lie unread in a connection; 0: no limit.
---@param n integer
function TcpServer:setReadBufferSize(n) end

---16777216 at first.
---@return integer
function TcpServer:readBufferSize() end

---Bytes that may wait to be sent; 0: no limit.
---@param n integer
function TcpServer:setWriteBufferLimit(n) end

---16777216 at first.
---@return integer
function TcpServer:writeBufferLimit() end

---Unsent bytes over which a connection isn't read; 0: off.
---@param n integer
function TcpServer:setHighWaterMark(n) end

---1048576 at first.
---@return integer
function TcpServer:highWaterMark() end

---Time without a byte either way after which a connection ends; 0, -1 or infinite: none, another negative number
---raises.
---@param msec number
function TcpServer:setIdleTimeout(msec) end

---Milliseconds, 0 at first: none.
---@return number
function TcpServer:idleTimeout() end

---Whether a connection stays open when its peer has finished sending.
---@param allow boolean
function TcpServer:setAllowHalfOpen(allow) end

---False at first.
---@return boolean
function TcpServer:allowHalfOpen() end

---True: its signals are dropped, not kept, until blockSignals(false). Gives what was set before.
---@param block boolean
---@return boolean
function TcpServer:blockSignals(block) end

---Whether they are.
---@return boolean
function TcpServer:signalsBlocked() end

---One connection: QTcpSocket.
---@class moonport.TcpSocket: moonport.Object
---Something has arrived; not again for what is left unread. While its handler waits it isn't delivered again; what
---came unseen is signalled once at the handler's end.
---@field readyRead? fun(self: moonport.TcpSocket)
---So many bytes went to the system; not recursive in the same way.
---@field bytesWritten? fun(self: moonport.TcpSocket, n: integer)
---The connection is there; not for accepted ones.
---@field connected? fun(self: moonport.TcpSocket)
---A connection has ended; the last of its signals.
---@field disconnected? fun(self: moonport.TcpSocket)
---The name was looked up.
---@field hostFound? fun(self: moonport.TcpSocket)
---The state has changed.
---@field stateChanged? fun(self: moonport.TcpSocket, state: moonport.SocketState)
---A failure that no call returns.
---@field errorOccurred? fun(self: moonport.TcpSocket, code: moonport.Code)
---The script has called close or abort.
---@field aboutToClose? fun(self: moonport.TcpSocket)
---No more will arrive; what is there can still be read.
---@field readChannelFinished? fun(self: moonport.TcpSocket)
local TcpSocket = {}

---Begins to connect; the rest is told by signals, or use waitForConnected. host is a name or an address; a name's
---addresses are raced, IPv6 first (D15); after 30 s it gives up with SocketTimeoutError. Clears both buffers and
---the error. protocol "IPv4Protocol" or "IPv6Protocol" takes only such addresses. Fails with OperationError unless
---Unconnected or Bound, with HostNotFoundError for an address of the other family, SocketResourceError.
---@param host moonport.Address
---@param port integer
---@param openMode? moonport.OpenMode # "ReadWrite" if left out
---@param protocol? moonport.Protocol # "AnyIPProtocol" if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:connectToHost(host, port, openMode, protocol) end

---Sends what is queued, then closes; unread data stays. While connecting: as soon as connected. Without effect when
---Unconnected.
function TcpSocket:disconnectFromHost() end

---Drops unread data, then as disconnectFromHost. The socket may be used anew. Also called at the end of a <close>
---variable.
function TcpSocket:close() end

---Closes at once; drops both buffers.
function TcpSocket:abort() end

---Takes a local address before connecting. bind(port, mode) works too. Modes, to be joined with a vertical bar:
---"ShareAddress", "DontShareAddress", "ReuseAddressHint". Fails, and signals errorOccurred, with AddressInUseError,
---SocketAddressNotAvailableError, SocketAccessError, UnfinishedSocketOperationError (not Unconnected).
---@param address? moonport.Address # "any" if left out
---@param port? integer # 0 if left out
---@param mode? moonport.BindMode # "DefaultForPlatform" if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:bind(address, port, mode) end

---Takes over a stream socket or pipe, which it closes from now on; if it had blocked it does so again then. Never
---signals connected. Fails with UnsupportedSocketOperationError.
---@param fd integer
---@param state? "ConnectedState"|"BoundState"|"UnconnectedState" # "ConnectedState" if left out
---@param openMode? moonport.OpenMode # "ReadWrite" if left out
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

---Its words.
---@return string
function TcpSocket:errorString() end

---Has a descriptor or is open; so true after the peer has closed.
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

---Nil unless connected. An IPv4 peer of a server on "any" is ::ffff:a.b.c.d; after connectToHost("any", …) it is the
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

---Bytes that have arrived, in total.
---@return integer
function TcpSocket:bytesRead() end

---Bytes that the system has taken, in total.
---@return integer
function TcpSocket:bytesSent() end

---At most maxSize bytes, "" if nothing is there now. Fails at the end.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:read(maxSize) end

---What is there, "" if nothing is; never fails.
---@return string
function TcpSocket:readAll() end

---Up to and with the next "\n", at most maxSize bytes (D13); what is there if there is no "\n", so ask canReadLine,
---or use receive "line". Fails at the end.
---@param maxSize? integer
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:readLine(maxSize) end

---Whether a "\n" is there.
---@return boolean
function TcpSocket:canReadLine() end

---As read, and leaves it there.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:peek(maxSize) end

---Throws bytes away; how many. Fails at the end, skip(0) too.
---@param maxSize integer
---@return integer|nil, string|nil, moonport.Code|nil
function TcpSocket:skip(maxSize) end

---One byte. Fails with TemporaryError if nothing is there now.
---@return string|nil, string|nil, moonport.Code|nil
function TcpSocket:getChar() end

---Puts a byte back in front; a string of one, or 0 to 255. Fails with UnfinishedSocketOperationError within a
---transaction.
---@param c string|integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:ungetChar(c) end

---How many bytes are there.
---@return integer
function TcpSocket:bytesAvailable() end

---Nothing can be read now; true on a live connection too.
---@return boolean
function TcpSocket:atEnd() end

---From now on what is read can be put back. Fails with UnfinishedSocketOperationError within one.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:startTransaction() end

---What was read is gone. Fails likewise without one.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:commitTransaction() end

---What was read is there again. Fails likewise without one.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:rollbackTransaction() end

---Whether within one.
---@return boolean
function TcpSocket:isTransactionStarted() end

---Queues all of data, or its first maxSize bytes; they leave together when the running handler has returned or
---waits, at the latest behind those of 15 other sockets that became readable with this one.
---Allowed as soon as connectToHost was called, and in ClosingState. Fails with WriteBufferFullError, taking
---nothing, over the limit; OperationError if not open or read-only; UnknownSocketError if not connected. None of
---these is signalled.
---@param data string
---@param maxSize? integer
---@return integer|nil, string|nil, moonport.Code|nil
function TcpSocket:write(data, maxSize) end

---Writes one byte, a string of one or 0 to 255; fails as write.
---@param c string|integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:putChar(c) end

---Bytes that are queued.
---@return integer
function TcpSocket:bytesToWrite() end

---Sends now what the system takes; true if anything was sent.
---@return boolean
function TcpSocket:flush() end

---Sends what is queued, then tells the peer that no more comes. Reading goes on; when the peer ends too, the connection
---closes by itself. Later writes fail with OperationError.
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:closeWriteChannel() end

---Fails as connecting does. When the time is up the attempt is given up: SocketTimeoutError.
---@param msec? number # 30000 if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForConnected(msec) end

---Waits for new data, although some may be there. Fails at the end, and with SocketTimeoutError, which is signalled
---as well; the connection stays.
---@param msec? number # 30000 if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForReadyRead(msec) end

---Waits until something was sent. Fails at once if nothing is queued; otherwise as above.
---@param msec? number # 30000 if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForBytesWritten(msec) end

---Waits for the end. Fails with UnknownSocketError if Unconnected, while connecting as that fails; otherwise as above.
---@param msec? number # 30000 if left out
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:waitForDisconnected(msec) end

---Waits for a number of bytes, for "line" (without its "\n" or "\r\n"), or for "all" until the peer or the
---script has ended the connection.
---Otherwise nil, message, code, and a fourth value: what had come, which is taken. Codes: SocketTimeoutError (not
---signalled), RemoteHostClosedError and others at the end, ReadBufferFullError.
---@param what integer|"line"|"all"
---@param msec? number # 30000 if left out
---@return string|nil, string|nil, moonport.Code|nil, string|nil
function TcpSocket:receive(what, msec) end

---For line in socket:lines() do … end: each line, waiting for it as long as it takes, until the end; the last one
---may lack its "\n". With true the line ends stay. A line longer than the read buffer ends the
---loop too, and error() is "ReadBufferFullError" then; unless somebody reads on, the connection is closed when the
---handler has ended.
---@param keepEnd? boolean # false if left out
---@return fun(): string|nil
function TcpSocket:lines(keepEnd) end

---Bytes that may lie unread; 0: no limit.
---@param n integer
function TcpSocket:setReadBufferSize(n) end

---16777216 at first.
---@return integer
function TcpSocket:readBufferSize() end

---Bytes that may wait to be sent; 0: no limit.
---@param n integer
function TcpSocket:setWriteBufferLimit(n) end

---16777216 at first.
---@return integer
function TcpSocket:writeBufferLimit() end

---Unsent bytes over which the socket isn't read; 0: off.
---@param n integer
function TcpSocket:setHighWaterMark(n) end

---1048576 at first.
---@return integer
function TcpSocket:highWaterMark() end

---Time without a byte either way after which the connection ends with errorOccurred("SocketTimeoutError"); 0, -1 or
---infinite: none, another negative number raises.
---@param msec number
function TcpSocket:setIdleTimeout(msec) end

---Milliseconds, 0 at first: none.
---@return number
function TcpSocket:idleTimeout() end

---True: when the peer has finished sending, only readChannelFinished is signalled; the connection stays until the
---script closes it.
---@param allow boolean
function TcpSocket:setAllowHalfOpen(allow) end

---False at first.
---@return boolean
function TcpSocket:allowHalfOpen() end

---Value is an integer or a boolean. While connecting it is kept, and set before the connection comes about (D32);
---refused then, it is logged. Fails with UnknownSocketError without a descriptor otherwise,
---UnsupportedSocketOperationError if the system refuses.
---@param name moonport.SocketOption
---@param value integer|boolean
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:setSocketOption(name, value) end

---Nil without a descriptor; while connecting what was set, or nil.
---@param name moonport.SocketOption
---@return integer|nil
function TcpSocket:socketOption(name) end

---Clears both buffers and the error; connectToHost does it by itself.
---@param openMode? moonport.OpenMode # "ReadWrite" if left out
---@return true
function TcpSocket:open(openMode) end

---"NotOpen", "ReadWrite", "ReadOnly" ….
---@return moonport.OpenMode
function TcpSocket:openMode() end

---From connectToHost until close or abort; stays true when the peer closes.
---@return boolean
function TcpSocket:isOpen() end

---By the open mode.
---@return boolean
function TcpSocket:isReadable() end

---By the open mode.
---@return boolean
function TcpSocket:isWritable() end

---There is no position to go to.
---@return true
function TcpSocket:isSequential() end

---For the same reason.
---@return 0
function TcpSocket:pos() end

---Fails with OperationError: a connection has no positions.
---@param pos integer
---@return nil, string, moonport.Code
function TcpSocket:seek(pos) end

---Fails likewise.
---@return nil, string, moonport.Code
function TcpSocket:reset() end

---As bytesAvailable.
---@return integer
function TcpSocket:size() end

---True: reads drop every "\r"; receive gives the bytes as they came. Fails with OperationError if not open.
---@param enabled boolean
---@return true|nil, string|nil, moonport.Code|nil
function TcpSocket:setTextModeEnabled(enabled) end

---False at first.
---@return boolean
function TcpSocket:isTextModeEnabled() end

---1 if it is readable and connected, or was, or was opened by open; 0 while connecting, and after close.
---@return integer
function TcpSocket:readChannelCount() end

---1 if it is writable and connected or closing, until closeWriteChannel, or was opened by open.
---@return integer
function TcpSocket:writeChannelCount() end

---True: its signals are dropped, not kept, until blockSignals(false); data still arrives. Gives what was set
---before.
---@param block boolean
---@return boolean
function TcpSocket:blockSignals(block) end

---Whether they are.
---@return boolean
function TcpSocket:signalsBlocked() end

---Calls a handler after a time: QTimer.
---@class moonport.Timer: moonport.Object
---Its time is up. A loop that was late gives one timeout, not several. While its handler waits, further timeouts
---run the handler beside it.
---@field timeout? fun(self: moonport.Timer)
local Timer = {}

---Starts it, or starts it anew; with msec sets the interval first.
---@param msec? number
function Timer:start(msec) end

---No more timeouts. Also called at the end of a <close> variable.
function Timer:stop() end

---A single-shot timer is inactive already when its handler runs.
---@return boolean
function Timer:isActive() end

---A running timer starts anew. Negative or infinite raises. 0: once a turn of the loop.
---@param msec number
function Timer:setInterval(msec) end

---Milliseconds, 0 at first.
---@return number
function Timer:interval() end

---True: it stops after one timeout.
---@param single boolean
function Timer:setSingleShot(single) end

---False at first.
---@return boolean
function Timer:isSingleShot() end

---Milliseconds until the next timeout, 0 if it is due, -1 if it isn't active.
---@return number
function Timer:remainingTime() end

---True: timeouts are dropped until blockSignals(false). Gives what was set before.
---@param block boolean
---@return boolean
function Timer:blockSignals(block) end

---Whether they are.
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

---"10.0.0.0/8", "10.0.0.0/255.0.0.0", "fe80::/10"; or a network's address and the number of bits. Another family is
---false, but for mapped addresses (D31); what is no subnet raises.
---@param subnet moonport.Address
---@param bits? integer
---@return boolean
function HostAddress:isInSubnet(subnet, bits) end

---With other spellings of one address: ::ffff:127.0.0.1, ::127.0.0.1 and 127.0.0.1; "any", "::" and "0.0.0.0"; ::1
---and 127.0.0.1. mode allows one of these only: "ConvertV4MappedToIPv4", "ConvertV4CompatToIPv4",
---"ConvertUnspecifiedAddress", "ConvertLocalHost"; or none: "StrictConversion".
---@param other moonport.Address
---@param mode? moonport.Conversion # "TolerantConversion" if left out
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
---error, OperationError if it was cancelled, SocketTimeoutError if it still runs after msec. May be called again,
---and by several. Raises when a task joins itself.
---@param msec? number # -1 if left out
---@return any ...
function Task:join(msec) end

---Ends it where it waits; its variables with <close> are closed. False if it had ended. A task that cancels itself
---ends there.
---@return boolean
function Task:cancel() end

---False once it has ended.
---@return boolean
function Task:isActive() end

---A handler that moonport.connect has added.
---@class moonport.Connection

---@class moonport.Stats
---@field connections integer # Connections that are open now.
---@field accepted integer # Connections that came in, in total.
---@field connected integer # Connections that went out, in total.
---@field bytesRead integer
---@field bytesSent integer
---@field handlerErrors integer # Errors in handlers and tasks, in total.
---@field iterations integer # Turns of the loop.
---@field objects integer # Servers, sockets, timers and tasks that exist now.
---@field tasks integer # Tasks and handlers that wait now.
---@field generation integer # The number of the run that serves.
---@field reload? moonport.ReloadStats # Only in the program.
---@field memory integer # Bytes that Lua uses.

---One line on standard error; a format as string.format's, or a lone value. Never raises for what it is given: the line
---then says what doesn't suit.
---@class moonport.Log
---@field debug fun(format?: any, ...: any)
---@field info fun(format?: any, ...: any)
---@field warning fun(format?: any, ...: any)
---@field error fun(format?: any, ...: any)

---@class moonport
---@field version string
---@field log moonport.Log
local moonport = {}

---A fresh one.
---@return moonport.TcpServer
function moonport.TcpServer() end

---A fresh one.
---@return moonport.TcpSocket
function moonport.TcpSocket() end

---A fresh one.
---@return moonport.Timer
function moonport.Timer() end

---An address of a text, or of an IPv4 address's number; Null without either. Fails with HostNotFoundError if it is
---none. A table that can be called, and holds what moonport.HostAddressClass says.
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
---@field fromIPv6Address fun(bytes: string): moonport.HostAddress of the 16 bytes that toIPv6Address gives
---@field parseSubnet fun(text: string): moonport.HostAddress|nil, integer|string, moonport.Code|nil # network, bits

---Runs fn once in msec; stop prevents it.
---@param msec number
---@param fn fun(self: moonport.Timer)
---@return moonport.Timer
function moonport.singleShot(msec, fn) end

---A further handler for a signal, after those that the object has. options: { singleShot = true } runs it once.
---Raises for an unknown signal or option.
---@param object moonport.Object
---@param signal string
---@param fn fun(self: any, ...: any)
---@param options? { singleShot: boolean }
---@return moonport.Connection
function moonport.connect(object, signal, fn, options) end

---Ends it; false if it had ended. One that the running emission hasn't reached yet isn't called.
---@param connection moonport.Connection
---@return boolean
function moonport.disconnect(connection) end

---After an error in a handler or task was logged, fn(text, object, signal) is called as a handler of its own; text
---has the traceback; object and signal are nil for a task. nil removes it.
---@param fn? fun(text: string, object: moonport.Object|nil, signal: string|nil)
function moonport.onError(fn) end

---Runs fn(...) as a task.
---@param fn function
---@param ... any
---@return moonport.Task
function moonport.spawn(fn, ...) end

---Suspends the calling handler or task. -1: until it is cancelled; another negative time has passed already.
---@param msec number
---@return true
function moonport.sleep(msec) end

---Milliseconds of a clock that nobody can set. It begins anywhere: for differences only.
---@return integer
function moonport.now() end

---Nanoseconds of the same clock.
---@return integer
function moonport.hrtime() end

---Stops the program gracefully. status: 0 to 255.
---@param status? integer # 0 if left out
function moonport.quit(status) end

---Runs the loop until nothing is left or quit; gives the status. Only in a plain lua5.4; inside the program it
---raises.
---@return integer
function moonport.run() end

---The value that an earlier generation has put there under the name; init is put there the first time.
---@param name any
---@param init? any
---@return any
function moonport.persist(name, init) end

---@class moonport.ReloadStats
---@field generation integer
---@field count integer # Reloads that took over.
---@field failures integer # Reloads that came to nothing.
---@field resumeErrors integer # connectionResumed handlers that have thrown.
---@field duration number # Of the last one, in ms.
---@field time? number # Of the last one, seconds since 1970.
---@field lastError? string
---@field older { generation: integer, connections: integer, handlers: integer, source: string }[]

---@class moonport.ReloadReport
---@field generation integer # That serves now.
---@field duration number # ms
---@field error? string # Why it has failed, with its traceback.
---@field kept? integer # Listeners that were taken over.
---@field added? integer
---@field closed? integer
---@field connections? integer

---Loads the script anew, between two events.
---@return true|nil, string|nil, moonport.Code|nil
function moonport.reload() end

---Sets the function that is told of each reload.
---@param fn? fun(ok: boolean, report: moonport.ReloadReport)
function moonport.onReload(fn) end

---Sets the function that is called when the program is told to stop, before its connections are closed. It may wait.
---@param fn? fun()
function moonport.onQuit(fn) end

---The number of the run that the calling code belongs to.
---@return integer
function moonport.generation() end

---Has newer code taken over since the calling code was loaded?
---@return boolean
function moonport.stale() end

---Counts of the process.
---@return moonport.Stats
function moonport.stats() end

return moonport
