---@meta moonport
-- SPDX-License-Identifier: MIT
-- Types for LuaLS: put this folder into workspace.library. spec/api/docs_spec.lua compares it with the program.
-- Longer than 400 lines: one file for the editor, a class beside the other.

---A code of the second kind of result: nil, message, code. See docs/reference/errors.md.
---@alias moonport.Code
---| "ConnectionRefusedError" # Connection refused
---| "RemoteHostClosedError" # The remote host closed the connection
---| "HostNotFoundError" # Host not found; Names beyond ASCII are not supported by this build; There is no such socket
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
---| "OverloadError" # The buffers are full, and this connection holds the most
---| "ReadBufferFullError" # The requested data is larger than the read buffer
---| "SslHandshakeFailedError" # The TLS handshake has failed
---| "SslInternalError" # TLS error
---| "SslTruncatedError" # The connection ended before TLS did
---| "SslInvalidUserDataError" # The TLS configuration is unusable
---| "FailedToStart" # The process has not started; No program defined
---| "Crashed" # Process crashed
---| "Timedout" # Process operation timed out
---| "WriteError" # Error writing to process
---| "UnknownError" # Unknown error
---| "OpenError" # the file can't be opened
---| "ReadError" # the file is shorter; the file can't be read; Error reading from process
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

---@alias moonport.DigestAlgorithm
---| "Md5"
---| "Sha1"
---| "Sha224"
---| "Sha256"
---| "Sha384"
---| "Sha512"
---| "Sha3_224"
---| "Sha3_256"
---| "Sha3_384"
---| "Sha3_512"

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
---if the address is in use by a server of the same program. Sets SO_REUSEADDR. "unix:/path" or "unix:@name" listens at
---a Unix-domain socket, with the errors of LocalServer; a port raises then.
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

---Where it listens; "any" for both families; "unix:/path"; nil if it doesn't listen.
---@return string|nil
function TcpServer:serverAddress() end

---The port, 0 if it doesn't listen or has none.
---@return integer
function TcpServer:serverPort() end

---For the next listen at a path: who may connect. mode is a text of octal digits, "0660"; nil: as the umask says. group
---is a name or a number; nil: the process' own. Fails with UnsupportedSocketOperationError if there is no such group.
---@param mode? string
---@param group? string|integer
---@return true|nil, string|nil, moonport.Code|nil
function TcpServer:setSocketPermissions(mode, group) end

---What was set: the mode, and the number of the group.
---@return string|nil, integer|nil
function TcpServer:socketPermissions() end

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

---At most this many connections of one address at once; more are refused: closed at once. An IPv6 address counts by its
---first 64 bits. 0: no limit.
---@param n integer
function TcpServer:setMaxConnectionsPerAddress(n) end

---Default 0.
---@return integer
function TcpServer:maxConnectionsPerAddress() end

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

---A connection ends after this time without a byte either way, or one way; 0, -1 or infinite: never, another
---negative number raises.
---@param msec number
---@param direction? "both"|"read"|"write" # default "both"
function TcpServer:setIdleTimeout(msec, direction) end

---Milliseconds, default 0: never; and the direction.
---@return number, "both"|"read"|"write"
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
---The connection ended; its last signal.
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
---HostNotFoundError for an address of the other family, SocketResourceError. "unix:/path" or "unix:@name" connects to a
---Unix-domain socket as a LocalSocket does; a port raises then.
---@param host moonport.Address
---@param port? integer # of an IP address
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

---Receives nothing from now on, and signals no readyRead. What has arrived stays readable. Ends with the connection.
function TcpSocket:pauseReading() end

---Receives again. If something is unread, readyRead signals it again.
function TcpSocket:resumeReading() end

---Whether pauseReading was called, and resumeReading not since.
---@return boolean
function TcpSocket:isReadingPaused() end

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

---Sends a file behind what was written, and waits until the system has taken it. -> bytes | nil, message, code, bytes
---@param file string|file* # a path, or an open file
---@param offset? integer # default 0
---@param length? integer # default: to its end
---@return integer|nil, string|nil, moonport.Code|nil, integer|nil
function TcpSocket:sendFile(file, offset, length) end

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
---"ReadBufferFullError". Unless somebody reads on, the connection is closed when the handler ends.
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

---The connection ends with errorOccurred("SocketTimeoutError") after this time without a byte either way, or one way;
---0, -1 or infinite: never, another negative number raises.
---@param msec number
---@param direction? "both"|"read"|"write" # default "both"
function TcpSocket:setIdleTimeout(msec, direction) end

---Milliseconds, default 0: never; and the direction.
---@return number, "both"|"read"|"write"
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

---@alias moonport.ProcessState
---| "NotRunning"
---| "Starting"
---| "Running"

---@alias moonport.ProcessChannel
---| "StandardOutput"
---| "StandardError"

---Another program: QProcess.
---@class moonport.Process: moonport.Object
---The program runs.
---@field started? fun(self: moonport.Process)
---It ended, and everything that it has written has arrived; signal is the name of the one that ended it.
---@field finished? fun(self: moonport.Process, exitCode: integer, exitStatus: "NormalExit"|"CrashExit", signal: string|nil)
---The state changed.
---@field stateChanged? fun(self: moonport.Process, state: moonport.ProcessState)
---"FailedToStart", "Crashed", "WriteError", "ReadError".
---@field errorOccurred? fun(self: moonport.Process, code: moonport.Code)
---Data has arrived on the channel that is read.
---@field readyRead? fun(self: moonport.Process)
---Data has arrived on that channel.
---@field channelReadyRead? fun(self: moonport.Process, channel: moonport.ProcessChannel)
---Data has arrived on standard output.
---@field readyReadStandardOutput? fun(self: moonport.Process)
---Data has arrived on standard error.
---@field readyReadStandardError? fun(self: moonport.Process)
---n bytes went to the system.
---@field bytesWritten? fun(self: moonport.Process, n: integer)
---No more data will arrive on the channel that is read.
---@field readChannelFinished? fun(self: moonport.Process)
---The script called close.
---@field aboutToClose? fun(self: moonport.Process)
local Process = {}

---Starts program with a list of arguments, or else what was set. There is no shell: arguments arrive as they are.
---A program without a / is searched for in PATH, this process' own; one with a / that doesn't begin with it is
---below the working directory. It has started when start returns; what is written before started is sent then.
---What is unread of the last run is dropped. With "ReadOnly" its standard input is empty; with "WriteOnly" its
---output is discarded. Fails with FailedToStart, whose message has the system's words, and with OperationError
---unless NotRunning. A zero byte in a text raises.
---@param program? string
---@param arguments? string[]
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function Process:start(program, arguments, openMode) end

---The same for a line as splitCommand splits it; raises if it is empty.
---@param command string
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function Process:startCommand(command, openMode) end

---Starts what was set.
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function Process:open(openMode) end

---Starts what was set as a program that outlives this one, in a session of its own, and returns its pid. Its
---standard descriptors are the files that were set, or this process' own. Fails with FailedToStart, without a
---signal.
---@return integer|nil, string|nil, moonport.Code|nil
function Process:startDetached() end

---What start starts.
---@param program string
function Process:setProgram(program) end

---"" if none was set.
---@return string
function Process:program() end

---A list of strings.
---@param arguments string[]
function Process:setArguments(arguments) end

---The same list.
---@return string[]
function Process:arguments() end

---Of the program; nil: this process' own.
---@param path string|nil
function Process:setWorkingDirectory(path) end

---"" if none was set.
---@return string
function Process:workingDirectory() end

---All its variables, as a table of name to value; nil: this process' own. For a few changes, begin with
---moonport.Process.systemEnvironment().
---@param environment table<string, string>|nil
function Process:setProcessEnvironment(environment) end

---The same table.
---@return table<string, string>|nil
function Process:processEnvironment() end

---What it may use: a limit of setrlimit(2), "as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc" or
---"stack"; a number, or "unlimited". A limit that the system refuses makes the start fail.
---@param name string
---@param soft integer|"unlimited"
---@param hard? integer|"unlimited" # default soft
function Process:setResourceLimit(name, soft, hard) end

---Sends it SIGTERM, which it may heed or not.
function Process:terminate() end

---Ends it at once, by SIGKILL.
function Process:kill() end

---Sends the signal also to what it has started itself: its process group.
---@param signal? string # default "SIGKILL"
function Process:killTree(signal) end

---Sends it a signal, such as "SIGHUP". Fails with OperationError unless it runs.
---@param signal string
---@return true|nil, string|nil, moonport.Code|nil
function Process:sendSignal(signal) end

---Kills it with its group, and drops what is queued and unread; finished follows. Also called at the end of a
---<close> variable.
function Process:close() end

---Waits for its end; true also behind it. Fails with Timedout, and as the start failed.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function Process:waitForFinished(msec) end

---One of the states above.
---@return moonport.ProcessState
function Process:state() end

---0 unless it runs; still set within stateChanged("NotRunning").
---@return integer
function Process:processId() end

---Its exit status, or the number of the signal that ended it; nil before, and if it couldn't be started.
---@return integer|nil
function Process:exitCode() end

---"NormalExit"; or "CrashExit" and the signal's name; nil before.
---@return "NormalExit"|"CrashExit"|nil, string|nil
function Process:exitStatus() end

---The last error; "UnknownError" if there was none.
---@return moonport.Code
function Process:error() end

---The words of that error.
---@return string
function Process:errorString() end

---Waits until the program runs; fails as the start failed.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function Process:waitForStarted(msec) end

---Chooses it. What is unread in the other one stays there. Raises within a transaction or a pipe.
---@param channel moonport.ProcessChannel
function Process:setReadChannel(channel) end

---Default "StandardOutput".
---@return moonport.ProcessChannel
function Process:readChannel() end

---Everything that is unread there, whichever channel is read.
---@return string
function Process:readAllStandardOutput() end

---The same of standard error.
---@return string
function Process:readAllStandardError() end

---What comes from it is dropped, until the next start. The process isn't held up.
---@param channel moonport.ProcessChannel
function Process:closeReadChannel(channel) end

---For the next start: "SeparateChannels"; "MergedChannels": standard error comes by standard output;
---"ForwardedChannels", "ForwardedOutputChannel", "ForwardedErrorChannel": it has this process' own.
---@param mode string
function Process:setProcessChannelMode(mode) end

---Default "SeparateChannels".
---@return string
function Process:processChannelMode() end

---For the next start: "ManagedInputChannel"; "ForwardedInputChannel": it has this process' standard input.
---@param mode string
function Process:setInputChannelMode(mode) end

---Default "ManagedInputChannel".
---@return string
function Process:inputChannelMode() end

---It reads a file; nil: as before.
---@param path string|nil
function Process:setStandardInputFile(path) end

---It writes to a file; with "Append" to its end; nil: as before.
---@param path string|nil
---@param mode? string # default "Truncate"
function Process:setStandardOutputFile(path, mode) end

---The same for standard error.
---@param path string|nil
---@param mode? string # default "Truncate"
function Process:setStandardErrorFile(path, mode) end

---At most maxSize bytes, "" if nothing is there now. Fails at the end.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function Process:read(maxSize) end

---Everything that is there, "" if nothing is; never fails.
---@return string
function Process:readAll() end

---Everything up to and including the next "\n", at most maxSize bytes (D13). If there is no "\n", what is there:
---so ask canReadLine first, or use receive "line". Fails at the end.
---@param maxSize? integer
---@return string|nil, string|nil, moonport.Code|nil
function Process:readLine(maxSize) end

---Whether a "\n" is there.
---@return boolean
function Process:canReadLine() end

---As read, but leaves the bytes there.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function Process:peek(maxSize) end

---Discards at most maxSize bytes; returns how many. Fails at the end, skip(0) too.
---@param maxSize integer
---@return integer|nil, string|nil, moonport.Code|nil
function Process:skip(maxSize) end

---One byte. Fails with TemporaryError if nothing is there now.
---@return string|nil, string|nil, moonport.Code|nil
function Process:getChar() end

---Puts a byte back in front; c is a string of one byte, or 0 to 255. Fails with UnfinishedSocketOperationError
---within a transaction.
---@param c string|integer
---@return true|nil, string|nil, moonport.Code|nil
function Process:ungetChar(c) end

---How many bytes are there.
---@return integer
function Process:bytesAvailable() end

---True if nothing can be read now, also on a live connection.
---@return boolean
function Process:atEnd() end

---What is read from now on can be put back. Fails with UnfinishedSocketOperationError within a transaction.
---@return true|nil, string|nil, moonport.Code|nil
function Process:startTransaction() end

---Removes what was read for good. Fails with the same code without a transaction.
---@return true|nil, string|nil, moonport.Code|nil
function Process:commitTransaction() end

---Puts back what was read. Fails with the same code without a transaction.
---@return true|nil, string|nil, moonport.Code|nil
function Process:rollbackTransaction() end

---Whether a transaction is open.
---@return boolean
function Process:isTransactionStarted() end

---Receives nothing from now on from either channel; the process is held up when its pipe is full. A pause stays
---over a reload, and ends with the process.
function Process:pauseReading() end

---Receives again. If something is unread, readyRead signals it again.
function Process:resumeReading() end

---Whether pauseReading was called, and resumeReading not since.
---@return boolean
function Process:isReadingPaused() end

---Queues all of data, or its first maxSize bytes, for standard input. Allowed from start on. Fails with
---WriteBufferFullError over the limit, and then queues nothing; OperationError if it doesn't run, has no such
---input or after closeWriteChannel; WriteError if it has closed its input.
---@param data string
---@param maxSize? integer
---@return integer|nil, string|nil, moonport.Code|nil
function Process:write(data, maxSize) end

---Sends a file, as TcpSocket's.
---@param file string|file* # a path, or an open file
---@param offset? integer # default 0
---@param length? integer # default: to its end
---@return integer|nil, string|nil, moonport.Code|nil, integer|nil
function Process:sendFile(file, offset, length) end

---Writes one byte: a string of one byte, or 0 to 255; fails as write does.
---@param c string|integer
---@return true|nil, string|nil, moonport.Code|nil
function Process:putChar(c) end

---How many bytes are queued.
---@return integer
function Process:bytesToWrite() end

---Sends now what the system takes; true if it sent anything.
---@return boolean
function Process:flush() end

---Sends what is queued, then closes its standard input. Later writes fail with OperationError. A second call does
---no harm. Fails with OperationError if it doesn't run, WriteError if it has closed its input.
---@return true|nil, string|nil, moonport.Code|nil
function Process:closeWriteChannel() end

---Waits for new data on the channel that is read. Fails at the end, and with Timedout, which isn't signalled.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function Process:waitForReadyRead(msec) end

---Waits until something was sent. Fails at once if nothing is queued; otherwise as above.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function Process:waitForBytesWritten(msec) end

---Waits for a number of bytes, for "line" (without its "\n" or "\r\n"), or for "all" until the end. Otherwise
---returns nil, message, code, and as a fourth value what had arrived.
---@param what integer|"line"|"all"
---@param msec? number # default 30000
---@return string|nil, string|nil, moonport.Code|nil, string|nil
function Process:receive(what, msec) end

---For line in process:lines() do … end: as TcpSocket's. A process whose line is longer than the read buffer, and
---that nobody reads on from, is killed.
---@param keepEnd? boolean # default false
---@return fun(): string|nil
function Process:lines(keepEnd) end

---How many bytes may be unread in each channel; 0: no limit.
---@param n integer
function Process:setReadBufferSize(n) end

---Default 16777216.
---@return integer
function Process:readBufferSize() end

---How many bytes may wait to be sent; 0: no limit.
---@param n integer
function Process:setWriteBufferLimit(n) end

---Default 16777216.
---@return integer
function Process:writeBufferLimit() end

---"NotOpen", "ReadWrite", "ReadOnly" ….
---@return moonport.OpenMode
function Process:openMode() end

---True from start until close.
---@return boolean
function Process:isOpen() end

---By the open mode.
---@return boolean
function Process:isReadable() end

---By the open mode.
---@return boolean
function Process:isWritable() end

---A process has no positions.
---@return true
function Process:isSequential() end

---For the same reason.
---@return 0
function Process:pos() end

---Fails with OperationError: a process has no positions.
---@param pos integer
---@return nil, string, moonport.Code
function Process:seek(pos) end

---Fails with the same code.
---@return nil, string, moonport.Code
function Process:reset() end

---As bytesAvailable.
---@return integer
function Process:size() end

---True: reads drop every "\r", but receive returns the bytes as they came. Fails with OperationError if not open.
---@param enabled boolean
---@return true|nil, string|nil, moonport.Code|nil
function Process:setTextModeEnabled(enabled) end

---Default false.
---@return boolean
function Process:isTextModeEnabled() end

---2 while it is open for reading, else 0.
---@return integer
function Process:readChannelCount() end

---1 if it is writable and runs, until closeWriteChannel.
---@return integer
function Process:writeChannelCount() end

---True: drops its signals until blockSignals(false), and doesn't keep them; data still arrives. Returns what was
---set before.
---@param block boolean
---@return boolean
function Process:blockSignals(block) end

---Whether signals are blocked.
---@return boolean
function Process:signalsBlocked() end

---What is known of a datagram besides its bytes and its sender. All calls of a handler get the same one, unless they
---wait.
---@class moonport.DatagramInfo
---@field size integer # bytes that arrived, also of a truncated datagram
---@field truncated boolean # receiveDatagram(maxSize) has cut it
---@field localAddress string|nil # the address it was sent to
---@field interfaceIndex integer
---@field hopLimit integer|nil
---@field ecn integer|nil # 3: congestion
---@field time integer # when the loop has received it, milliseconds since 1970

---How a datagram leaves: the info of the one that it answers, or these.
---@class moonport.DatagramOptions
---@field localAddress? moonport.Address # to send from
---@field interfaceIndex? integer
---@field hopLimit? integer
---@field ecn? integer

---Sends and receives datagrams: QUdpSocket.
---@class moonport.UdpSocket: moonport.Object
---A datagram has arrived. Each has a call of its own, also while the handlers of earlier ones wait.
---@field datagramReceived? fun(self: moonport.UdpSocket, data: string, address: string, port: integer, info: moonport.DatagramInfo)
---There is a datagram to read; again only after something was read.
---@field readyRead? fun(self: moonport.UdpSocket)
---Datagrams of together n bytes went to the system.
---@field bytesWritten? fun(self: moonport.UdpSocket, n: integer)
---The system has refused what it took before; the socket stays as it is.
---@field errorOccurred? fun(self: moonport.UdpSocket, code: moonport.Code)
---The state has changed.
---@field stateChanged? fun(self: moonport.UdpSocket, state: moonport.SocketState)
---connectToHost knows the address.
---@field hostFound? fun(self: moonport.UdpSocket)
---connectToHost has fixed the peer.
---@field connected? fun(self: moonport.UdpSocket)
---close or abort is about to end a connected socket.
---@field aboutToClose? fun(self: moonport.UdpSocket)
---It is closed.
---@field readChannelFinished? fun(self: moonport.UdpSocket)
---It is closed; the last signal.
---@field disconnected? fun(self: moonport.UdpSocket)
local UdpSocket = {}

---Receives from now on what is sent to that address and port. Also bind(port, mode).
---@param address? moonport.Address # default "any"
---@param port? integer # default 0: the system chooses
---@param mode? moonport.BindMode # default "DefaultForPlatform"
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:bind(address, port, mode) end

---Adopts a datagram socket, which is closed with this one.
---@param fd integer
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:setSocketDescriptor(fd) end

---Fixes the peer: write sends to it, and only its datagrams arrive.
---@param host moonport.Address
---@param port integer
---@param openMode? moonport.OpenMode # ignored
---@param protocol? moonport.Protocol # default "AnyIPProtocol"
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:connectToHost(host, port, openMode, protocol) end

---The same as close without aboutToClose.
function UdpSocket:disconnectFromHost() end

---Sends what is queued, drops what is unread, and closes.
function UdpSocket:close() end

---Closes at once.
function UdpSocket:abort() end

---Queues a datagram, which leaves when the running handler returns or waits. In the handler of a datagram, an answer to
---its sender leaves from the address to which it was sent; info does so elsewhere. Codes: DatagramTooLargeError,
---WriteBufferFullError, UnsupportedSocketOperationError, SocketAddressNotAvailableError.
---@param data string
---@param address moonport.Address
---@param port integer
---@param info? moonport.DatagramInfo|moonport.DatagramOptions
---@return integer|nil, string|nil, moonport.Code|nil
function UdpSocket:writeDatagram(data, address, port, info) end

---The same to the peer of a connected socket.
---@param data string
---@return integer|nil, string|nil, moonport.Code|nil
function UdpSocket:write(data) end

---Sends now what is queued. Returns whether anything was sent.
---@return boolean
function UdpSocket:flush() end

---Bytes that are queued.
---@return integer
function UdpSocket:bytesToWrite() end

---Waits for the next datagram. Otherwise returns nil, message, code; SocketTimeoutError isn't signalled.
---@param msec? number # default -1: for ever
---@return string|nil data
---@return string|nil address # or the message
---@return integer|moonport.Code|nil port # or the code
---@return moonport.DatagramInfo|nil info
function UdpSocket:receive(msec) end

---The next datagram; what is over maxSize is lost, and info.truncated says so. TemporaryError if there is none.
---@param maxSize? integer
---@return string|nil data
---@return string|nil address # or the message
---@return integer|moonport.Code|nil port # or the code
---@return moonport.DatagramInfo|nil info
function UdpSocket:receiveDatagram(maxSize) end

---The next datagram, its rest is lost; "" if there is none.
---@param maxSize integer
---@return string|nil, string|nil, moonport.Code|nil
function UdpSocket:read(maxSize) end

---The next datagram; "" if there is none.
---@return string|nil, string|nil, moonport.Code|nil
function UdpSocket:readAll() end

---Whether there is a datagram to read.
---@return boolean
function UdpSocket:hasPendingDatagrams() end

---The size of the next one; -1 if there is none.
---@return integer
function UdpSocket:pendingDatagramSize() end

---The size of the next one; 0 if there is none.
---@return integer
function UdpSocket:bytesAvailable() end

---Until there is a datagram to read.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:waitForReadyRead(msec) end

---Until the system has taken something of what is queued; fails at once if nothing is.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:waitForBytesWritten(msec) end

---Until connectToHost is done; a time-out gives it up.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:waitForConnected(msec) end

---Until it is closed.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:waitForDisconnected(msec) end

---Receives what is sent to the group.
---@param group moonport.Address
---@param interface? string|integer # name or index
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:joinMulticastGroup(group, interface) end

---The opposite.
---@param group moonport.Address
---@param interface? string|integer
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:leaveMulticastGroup(group, interface) end

---By which interface datagrams to groups leave; nil: the system's choice.
---@param interface string|integer|nil
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:setMulticastInterface(interface) end

---Its name.
---@return string|nil
function UdpSocket:multicastInterface() end

---How many bytes may wait to be read; 0: no limit.
---@param n integer
function UdpSocket:setReadBufferSize(n) end

---Default 1 MiB.
---@return integer
function UdpSocket:readBufferSize() end

---How many bytes may wait to be sent; 0: no limit.
---@param n integer
function UdpSocket:setWriteBufferLimit(n) end

---Default 1 MiB.
---@return integer
function UdpSocket:writeBufferLimit() end

---How many handlers of this socket may wait at a time before it isn't read any more.
---@param n integer
function UdpSocket:setMaxHandlers(n) end

---Default 1,000.
---@return integer
function UdpSocket:maxHandlers() end

---Sets an option of the socket.
---@param name moonport.SocketOption
---@param value integer|boolean
---@return true|nil, string|nil, moonport.Code|nil
function UdpSocket:setSocketOption(name, value) end

---Its value; nil without a descriptor.
---@param name moonport.SocketOption
---@return integer|nil
function UdpSocket:socketOption(name) end

---The state.
---@return moonport.SocketState
function UdpSocket:state() end

---Whether it is bound or connected.
---@return boolean
function UdpSocket:isOpen() end

---Whether it is bound or connected.
---@return boolean
function UdpSocket:isValid() end

---Where it is bound.
---@return string|nil
function UdpSocket:localAddress() end

---0 if it isn't bound.
---@return integer
function UdpSocket:localPort() end

---Of a connected socket.
---@return string|nil
function UdpSocket:peerAddress() end

---Of a connected socket.
---@return integer
function UdpSocket:peerPort() end

---The name given to connectToHost, or "".
---@return string
function UdpSocket:peerName() end

---The code of the last error.
---@return moonport.Code
function UdpSocket:error() end

---Its text.
---@return string
function UdpSocket:errorString() end

---"UdpSocket".
---@return string
function UdpSocket:socketType() end

---The descriptor, -1 if there is none.
---@return integer
function UdpSocket:socketDescriptor() end

---Bytes of all datagrams that handlers and readers got.
---@return integer
function UdpSocket:bytesRead() end

---Bytes that the system took.
---@return integer
function UdpSocket:bytesSent() end

---Datagrams that handlers and readers got.
---@return integer
function UdpSocket:datagramsRead() end

---Datagrams that the system took.
---@return integer
function UdpSocket:datagramsSent() end

---Datagrams that the system had no room for since the socket was bound.
---@return integer
function UdpSocket:datagramsDropped() end

---True: no handler sees signals until blockSignals(false). Returns what was set before.
---@param block boolean
---@return boolean
function UdpSocket:blockSignals(block) end

---Whether signals are blocked.
---@return boolean
function UdpSocket:signalsBlocked() end

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

---A TcpServer that listens at a Unix-domain socket: QLocalServer.
---@class moonport.LocalServer: moonport.TcpServer
---@field connection moonport.LocalSocket|table # The prototype of its connections: handlers, data, methods.
local LocalServer = {}

---Listens at a path, at a file in the temporary folder (a name without a slash), or at an abstract name. The file of a
---crashed server is replaced; a live one, and any other file, is AddressInUseError. Fails with HostNotFoundError,
---SocketAccessError, SocketResourceError, TemporaryError, or OperationError if it listens already.
---@param name string|integer # or a descriptor that already listens
---@return true|nil, string|nil, moonport.Code|nil
function LocalServer:listen(name) end

---Adopts a descriptor that already listens; close leaves its file.
---@param fd integer
---@return true|nil, string|nil, moonport.Code|nil
function LocalServer:setSocketDescriptor(fd) end

---The name given to listen; of an adopted descriptor the part after the last slash; "" if it doesn't listen.
---@return string
function LocalServer:serverName() end

---The path, or the abstract name; "" if it doesn't listen.
---@return string
function LocalServer:fullServerName() end

---For the next listen, joined with a vertical bar: "UserAccessOption", "GroupAccessOption", "OtherAccessOption",
---"WorldAccessOption", "AbstractNamespaceOption", "NoOptions".
---@param options string
function LocalServer:setSocketOptions(options) end

---Default "NoOptions".
---@return string
function LocalServer:socketOptions() end

---For connections from now on: as LocalSocket's, from their first byte.
---@param n integer
function LocalServer:setReceiveDescriptors(n) end

---Default 0.
---@return integer
function LocalServer:receiveDescriptors() end

---A TcpSocket that connects to a Unix-domain socket: QLocalSocket.
---@class moonport.LocalSocket: moonport.TcpSocket
local LocalSocket = {}

---Begins to connect, to name or to the one that was set; signals or waitForConnected report the rest. Fails with
---OperationError unless Unconnected, HostNotFoundError for an empty or too long name.
---@param name? string
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function LocalSocket:connectToServer(name, openMode) end

---The same, to the name that was set.
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function LocalSocket:open(openMode) end

---The same; a port raises.
---@param name string
---@param port? nil
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function LocalSocket:connectToHost(name, port, openMode) end

---As disconnectFromHost.
function LocalSocket:disconnectFromServer() end

---The name for connectToServer and open. Raises unless Unconnected.
---@param name string
function LocalSocket:setServerName(name) end

---The name that was asked for, or that of the server that accepted it. It stays after the end.
---@return string
function LocalSocket:serverName() end

---The same as a path or an abstract name.
---@return string
function LocalSocket:fullServerName() end

---"AbstractNamespaceOption": names are abstract ones; "NoOptions".
---@param options string
function LocalSocket:setSocketOptions(options) end

---Default "NoOptions".
---@return string
function LocalSocket:socketOptions() end

---As TcpSocket's, but only a Unix-domain socket.
---@param fd integer
---@param state? moonport.SocketState # default "ConnectedState"
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@return true|nil, string|nil, moonport.Code|nil
function LocalSocket:setSocketDescriptor(fd, state, openMode) end

---"LocalSocket".
---@return string
function LocalSocket:socketType() end

---Raises: only servers have names.
---@param address? any
---@param port? any
---@param mode? any
function LocalSocket:bind(address, port, mode) end

---pid, uid and gid of the peer, for which the system vouches. Fails with UnknownSocketError if not connected.
---@return { pid: integer, uid: integer, gid: integer }|nil, string|nil, moonport.Code|nil
function LocalSocket:peerCredentials() end

---From now on takes the descriptors that come, until n (at most 253) wait to be received; the others are closed.
---@param n integer
function LocalSocket:setReceiveDescriptors(n) end

---Default 0.
---@return integer
function LocalSocket:receiveDescriptors() end

---Waits for a descriptor, which is the script's to close. Raises before setReceiveDescriptors.
---@param msec? number # default 30000
---@return integer|nil, string|nil, moonport.Code|nil
function LocalSocket:receiveDescriptor(msec) end

---Writes data, at least a byte, and a duplicate of the descriptor with its first byte.
---@param descriptor integer|moonport.TcpSocket|moonport.TcpServer|moonport.UdpSocket|file*
---@param data string
---@return true|nil, string|nil, moonport.Code|nil
function LocalSocket:sendDescriptor(descriptor, data) end

---A certificate: QSslCertificate. A value; == compares what is written in both.
---@class moonport.SslCertificate
local SslCertificate = {}

---The values that the subject has for an attribute: "CommonName", "CN", "2.5.4.3". Whole, even if a NUL is in one.
---@param attribute string
---@return string[]
function SslCertificate:subjectInfo(attribute) end

---The same for the issuer.
---@param attribute string
---@return string[]
function SslCertificate:issuerInfo(attribute) end

---The attributes that the subject has, in short: "CN".
---@return string[]
function SslCertificate:subjectInfoAttributes() end

---The same for the issuer.
---@return string[]
function SslCertificate:issuerInfoAttributes() end

---The first CommonName of the subject, or else Organization, or else OrganizationalUnitName, or else "".
---@return string
function SslCertificate:subjectDisplayName() end

---The same for the issuer.
---@return string
function SslCertificate:issuerDisplayName() end

---The names of hosts and people for which it was made.
---@return { EmailEntry: string[], DnsEntry: string[], IpAddressEntry: string[] }
function SslCertificate:subjectAlternativeNames() end

---Since when it is valid: milliseconds since 1970 in UTC, and as "2026-11-30T08:13:29Z"; nil if the field is no time.
---@return integer|nil, string|nil
function SslCertificate:effectiveDate() end

---Until when it is valid.
---@return integer|nil, string|nil
function SslCertificate:expiryDate() end

---Its key; nil if OpenSSL doesn't know the algorithm.
---@return moonport.SslKey|nil
function SslCertificate:publicKey() end

---The bytes of the digest of its DER.
---@param algorithm? moonport.DigestAlgorithm # default "Sha256"
---@return string|nil, string|nil, moonport.Code|nil
function SslCertificate:digest(algorithm) end

---In hexadecimal, with colons between bytes: "01:02:ff".
---@return string
function SslCertificate:serialNumber() end

---"3", or "1" for very old ones.
---@return string
function SslCertificate:version() end

---It is signed by its own key.
---@return boolean
function SslCertificate:isSelfSigned() end

---The value is in OpenSSL's words; where there are none it is in bytes, and isSupported is false.
---@return { oid: string, name: string, value: string, isCritical: boolean, isSupported: boolean }[]
function SslCertificate:extensions() end

---"-----BEGIN CERTIFICATE-----" …
---@return string
function SslCertificate:toPem() end

---The bytes that are digested and signed.
---@return string
function SslCertificate:toDer() end

---All of it in OpenSSL's words, in many lines.
---@return string
function SslCertificate:toText() end

---A private or public key: QSslKey. A value; == is true for two private or two public parts of the same key.
---@class moonport.SslKey
local SslKey = {}

---"Rsa", "RsaPss", "Dsa", "Ec", "Dh", "Ed25519", "Ed448", "X25519", "X448", or else OpenSSL's name.
---@return string
function SslKey:algorithm() end

---Bits.
---@return integer
function SslKey:length() end

---@return "PrivateKey"|"PublicKey"
function SslKey:type() end

---PKCS #8; a passphrase encrypts a private key (AES-256), a public key is never encrypted.
---@param passphrase? string
---@return string|nil, string|nil, moonport.Code|nil
function SslKey:toPem(passphrase) end

---The same in bytes, never encrypted.
---@return string|nil, string|nil, moonport.Code|nil
function SslKey:toDer() end

---What is wrong with a peer's certificate: QSslError.
---@alias moonport.SslErrorCode
---| "UnableToGetIssuerCertificate"
---| "UnableToDecryptCertificateSignature"
---| "UnableToDecodeIssuerPublicKey"
---| "CertificateSignatureFailed"
---| "CertificateNotYetValid"
---| "CertificateExpired"
---| "InvalidNotBeforeField"
---| "InvalidNotAfterField"
---| "SelfSignedCertificate"
---| "SelfSignedCertificateInChain"
---| "UnableToGetLocalIssuerCertificate"
---| "UnableToVerifyFirstCertificate"
---| "CertificateRevoked"
---| "InvalidCaCertificate"
---| "PathLengthExceeded"
---| "InvalidPurpose"
---| "CertificateUntrusted"
---| "CertificateRejected"
---| "SubjectIssuerMismatch"
---| "AuthorityIssuerSerialNumberMismatch"
---| "NoPeerCertificate"
---| "HostNameMismatch"
---| "OcspNoResponseFound"
---| "OcspResponseCannotBeTrusted"
---| "OcspStatusUnknown"
---| "OcspResponseExpired"
---| "OcspResponseCertIdUnknown"
---| "OcspMalformedResponse"
---| "OcspMalformedRequest"
---| "OcspInternalError"
---| "OcspTryLater"
---| "OcspSigRequred"
---| "OcspUnauthorized"
---| "UnspecifiedError"

---@class moonport.SslError
---@field code moonport.SslErrorCode
---@field message string
---@field certificate? moonport.SslCertificate # The one that it is about.

---@alias moonport.SslMode "UnencryptedMode"|"SslClientMode"|"SslServerMode"

---@alias moonport.PeerVerifyMode
---| "VerifyNone" # asks for no certificate, and looks at none
---| "QueryPeer" # asks for one, and goes on whatever it is
---| "VerifyPeer" # a good one or no connection
---| "AutoVerifyPeer" # VerifyPeer for a client, VerifyNone for a server

---The options of a configuration. Texts are PEM or the path of a file.
---@class moonport.SslOptions
---The certificate, and behind it the intermediate ones, each of which has issued the one before it.
---@field certificate? string
---@field key? string # The certificate's private key.
---@field passphrase? string|fun(): string # Of the key; what a function returns isn't kept.
---@field caCertificates? string # Whom to trust; "system", the default, is whom the system trusts.
---@field crl? string # Lists of revoked certificates; for a certificate whose issuer has none verifying fails.
---@field peerVerifyMode? moonport.PeerVerifyMode # default "AutoVerifyPeer"
---@field peerVerifyDepth? integer # How many intermediate certificates may be in a chain; default 0: any number.
---@field minimumProtocol? "TlsV1_2"|"TlsV1_3" # default "TlsV1_2"
---@field maximumProtocol? "TlsV1_2"|"TlsV1_3" # default: the newest
---@field ciphers? string|string[] # Of TLS 1.2, by OpenSSL's names.
---@field cipherSuites? string|string[] # Of TLS 1.3, by OpenSSL's names.
---@field ellipticCurves? string|string[] # Groups for the exchange of keys, the best first.
---@field allowedNextProtocols? string[] # ALPN, the best first; the server's order decides.
---@field sessionTickets? boolean # Whether a server gives tickets; default true.
---@field sessionTimeout? integer # Milliseconds for which a ticket is good; default 7200000.
---@field ticketKeys? string # A file of 1 to 8 keys of 80 bytes that several machines share; the first seals.
---@field ocspResponse? string # A file in DER that proves to clients that the certificate isn't revoked.
---@field ocspStapling? boolean # A client's: the server must staple a proof that its certificate isn't revoked.
---@field preSharedKeys? { [string]: string } # Identities and their keys.
---@field serverNames? { [string]: moonport.SslConfiguration|moonport.SslOptions } # By name, or "*.example.org".
---@field requireServerName? boolean # Refuses clients that ask for a name that nobody answers to.

---The settings of TLS: QSslConfiguration. A value that doesn't change.
---@class moonport.SslConfiguration
local SslConfiguration = {}

---Reads its files again, and those of its names. New handshakes use what is in them; open connections go on. If they
---don't fit each other, it waits up to a second for them to do so, where it can wait. Fails with
---SslInvalidUserDataError if they are unusable; then those that it has stay.
---@return true|nil, string|nil, moonport.Code|nil
function SslConfiguration:refresh() end

---How it verifies peers.
---@return moonport.PeerVerifyMode
function SslConfiguration:peerVerifyMode() end

---How many intermediate certificates a chain may have, 0: any number.
---@return integer
function SslConfiguration:peerVerifyDepth() end

---The protocols for ALPN, the best first.
---@return string[]
function SslConfiguration:allowedNextProtocols() end

---Milliseconds for which a ticket is good.
---@return integer
function SslConfiguration:sessionTimeout() end

---A TcpServer whose connections are encrypted: QSslServer.
---@class moonport.SslServer: moonport.TcpServer
---The first byte of a client has arrived, and its handshake begins.
---@field startedEncryptionHandshake? fun(self: moonport.SslServer, peerAddress: string, peerPort: integer)
---A connection ended before it was encrypted; socket:errorString() says why.
---@field errorOccurred? fun(self: moonport.SslServer, socket: moonport.SslSocket, code: moonport.Code)
---A client asks for a name that neither serverNames nor the certificate has. The handler may wait, and returns a
---configuration or a table of options; nil: as without a handler.
---@field serverNameRequested? fun(self: moonport.SslServer, name: string): moonport.SslConfiguration|table|nil
---@field connection moonport.SslSocket|table # The prototype of its connections: handlers, data, methods.
local SslServer = {}

---Certificate, key and the rest, for handshakes that begin from now on; also while it listens. Fails with
---SslInvalidUserDataError and says what is wrong; then listen fails too.
---@param configuration moonport.SslConfiguration|moonport.SslOptions
---@return true|nil, string|nil, moonport.Code|nil
function SslServer:setSslConfiguration(configuration) end

---What was set; nil if nothing was.
---@return moonport.SslConfiguration|nil
function SslServer:sslConfiguration() end

---As TcpServer's. Fails also with SslInvalidUserDataError, if there is no configuration or the last one was unusable.
---@param address? moonport.Address # default "any"
---@param port? integer # default 0
---@return true|nil, string|nil, moonport.Code|nil
function SslServer:listen(address, port) end

---The same for a descriptor that already listens.
---@param fd integer
---@return true|nil, string|nil, moonport.Code|nil
function SslServer:setSocketDescriptor(fd) end

---How long a client may take from the accept until it is encrypted; 0: any time. For clients that connect later.
---@param msec number
function SslServer:setHandshakeTimeout(msec) end

---Milliseconds, default 5000.
---@return number
function SslServer:handshakeTimeout() end

---How many handshakes may go on at once; one more ends the one that began first. 0: any number.
---@param n integer
function SslServer:setMaxHandshakes(n) end

---Default 256.
---@return integer
function SslServer:maxHandshakes() end

---How many connections of one address may be unencrypted at once, from the accept on; more are refused: closed at once.
---An IPv6 address counts by its first 64 bits. 0: no limit.
---@param n integer
function SslServer:setMaxHandshakesPerAddress(n) end

---Default 0.
---@return integer
function SslServer:maxHandshakesPerAddress() end

---How many go on now: clients that have sent a byte, and aren't encrypted yet.
---@return integer
function SslServer:handshakeCount() end

---False: connections begin in the clear, for startServerEncryption.
---@param on boolean
function SslServer:setImplicitEncryption(on) end

---Default true.
---@return boolean
function SslServer:implicitEncryption() end

---A TcpSocket that can be encrypted: QSslSocket.
---@class moonport.SslSocket: moonport.TcpSocket
---What is written and read from now on is encrypted, and the peer is who it should be.
---@field encrypted? fun(self: moonport.SslSocket)
---The peer's certificate has errors. The handler may wait; unless it calls ignoreSslErrors, the connection ends.
---@field sslErrors? fun(self: moonport.SslSocket, errors: moonport.SslError[])
---A handshake begins.
---@field modeChanged? fun(self: moonport.SslSocket, mode: moonport.SslMode)
---The peer has said by an alert why it ends or fails; level is 1 (warning) or 2 (fatal), number is TLS's.
---@field alertReceived? fun(self: moonport.SslSocket, level: integer, number: integer, text: string)
---This side has sent an alert.
---@field alertSent? fun(self: moonport.SslSocket, level: integer, number: integer, text: string)
---A client was given a ticket: sessionTicket returns it.
---@field newSessionTicketReceived? fun(self: moonport.SslSocket)
local SslSocket = {}

---Connects as connectToHost does, and then encrypts. sslPeerName is the name that is asked for and verified, default:
---the host. It may be left out before openMode. A host may be "unix:/path": its port is nil, and it needs an
---sslPeerName.
---@param host moonport.Address
---@param port integer|nil
---@param sslPeerName? string
---@param openMode? moonport.OpenMode # default "ReadWrite"
---@param protocol? moonport.Protocol # default "AnyIPProtocol"
---@return true|nil, string|nil, moonport.Code|nil
function SslSocket:connectToHostEncrypted(host, port, sslPeerName, openMode, protocol) end

---Encrypts a connection that is in the clear, as a client. What is queued leaves in the clear first; until then write
---fails with OperationError. What is unread belongs to the handshake.
---@return true|nil, string|nil, moonport.Code|nil
function SslSocket:startClientEncryption() end

---The same as a server; needs a configuration with a certificate.
---@return true|nil, string|nil, moonport.Code|nil
function SslSocket:startServerEncryption() end

---Waits until it is encrypted. Fails as the handshake does; SocketTimeoutError, which is signalled as well, leaves it
---going on.
---@param msec? number # default 30000
---@return true|nil, string|nil, moonport.Code|nil
function SslSocket:waitForEncrypted(msec) end

---For the next handshake. Fails with SslInvalidUserDataError and says what is wrong.
---@param configuration moonport.SslConfiguration|moonport.SslOptions
---@return true|nil, string|nil, moonport.Code|nil
function SslSocket:setSslConfiguration(configuration) end

---That of the connection, or what was set; nil: the default of clients.
---@return moonport.SslConfiguration|nil
function SslSocket:sslConfiguration() end

---The name that is asked for and verified, for all later connections; "": the host's.
---@param name string
function SslSocket:setPeerVerifyName(name) end

---That name.
---@return string
function SslSocket:peerVerifyName() end

---How long a handshake may take; 0: any time.
---@param msec number
function SslSocket:setHandshakeTimeout(msec) end

---Milliseconds, default 30000; a connection of an SslServer has its server's.
---@return number
function SslSocket:handshakeTimeout() end

---Goes on in spite of errors. Without a list: all of this connection or, if there is none, of the next one. With a
---list of errors or codes: those, from now on; an error with a certificate only for that one.
---@param errors? (moonport.SslError|moonport.SslErrorCode)[]
function SslSocket:ignoreSslErrors(errors) end

---@return moonport.SslMode
function SslSocket:mode() end

---True from encrypted to disconnected.
---@return boolean
function SslSocket:isEncrypted() end

---The peer's certificate; nil if it has shown none, or wasn't asked.
---@return moonport.SslCertificate|nil
function SslSocket:peerCertificate() end

---What the peer has sent: its own first.
---@return moonport.SslCertificate[]
function SslSocket:peerCertificateChain() end

---What was wrong with the peer in the last handshake, also if that was ignored.
---@return moonport.SslError[]
function SslSocket:sslHandshakeErrors() end

---"TlsV1_2" or "TlsV1_3"; "UnknownProtocol" unless it is encrypted.
---@return string
function SslSocket:sessionProtocol() end

---The cipher; nil unless it is encrypted.
---@return { name: string, standardName: string, protocol: string, usedBits: integer, supportedBits: integer }|nil
function SslSocket:sessionCipher() end

---The server's key of this handshake alone; nil unless a client is encrypted.
---@return moonport.SslKey|nil
function SslSocket:ephemeralServerKey() end

---The protocol that ALPN has chosen, "" if none was.
---@return string
function SslSocket:nextNegotiatedProtocol() end

---At a server: the name that the client has asked for, "" if it didn't.
---@return string
function SslSocket:requestedServerName() end

---Whether a ticket has shortened the handshake.
---@return boolean
function SslSocket:isSessionResumed() end

---At a client: what a later connection to the same server resumes with, "" if there is nothing. Keep it secret.
---@return string
function SslSocket:sessionTicket() end

---For the next handshake. "": none. Fails with SslInvalidUserDataError if it is no ticket.
---@param ticket string
---@return true|nil, string|nil, moonport.Code|nil
function SslSocket:setSessionTicket(ticket) end

---Bytes that only both sides know (RFC 5705); nil unless it is encrypted.
---@param label string
---@param size integer # 1 to 1024
---@param context? string
---@return string|nil
function SslSocket:exportKeyingMaterial(label, size, context) end

---Lets so many tasks do something at once.
---@class moonport.Semaphore
local Semaphore = {}

---Takes a permit, and waits for one if there is none, in order. With 0 it doesn't wait. Fails with SocketTimeoutError
---when the time is up.
---@param msec? number # default -1
---@return moonport.SemaphoreToken|nil, string|nil, moonport.Code|nil
function Semaphore:acquire(msec) end

---How many permits are free.
---@return integer
function Semaphore:available() end

---A permit. It returns at the end of a <close> variable.
---@class moonport.SemaphoreToken
local SemaphoreToken = {}

---Gives the permit back; does nothing the second time.
function SemaphoreToken:release() end

---Tasks wait at it until other code notifies them.
---@class moonport.Condition
local Condition = {}

---Waits until it is notified. Fails with SocketTimeoutError when the time is up. Check in a loop what you wait for.
---@param msec? number # default -1
---@return true|nil, string|nil, moonport.Code|nil
function Condition:wait(msec) end

---Wakes the task that has waited longest.
function Condition:notify() end

---Wakes all that wait now.
function Condition:notifyAll() end

---Passes values from task to task, in order.
---@class moonport.Channel
local Channel = {}

---Puts a value into the channel, and waits while there is no room. With 0 it doesn't wait. Fails with
---SocketTimeoutError when the time is up, OperationError if the channel is closed. Raises for nil.
---@param value any
---@param msec? number # default -1
---@return true|nil, string|nil, moonport.Code|nil
function Channel:send(value, msec) end

---Takes the oldest value, and waits for one. With 0 it doesn't wait. Fails with SocketTimeoutError when the time is up,
---OperationError if the channel is closed and empty.
---@param msec? number # default -1
---@return any, string|nil, moonport.Code|nil
function Channel:receive(msec) end

---Receives until the channel is closed and empty, or a deadline has passed.
---@return fun(): any
function Channel:values() end

---The channel takes no more values; those that it holds can still be received. Also called at the end of a <close>
---variable.
function Channel:close() end

---Whether close was called.
---@return boolean
function Channel:isClosed() end

---How many values it holds.
---@return integer
function Channel:count() end

---A function that runs beside the handlers.
---@class moonport.Task
local Task = {}

---Suspends the caller until the task ends. Fails with TaskFailedError and the task's message if it ended by an
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
---@field buffers integer # Bytes of memory that the buffers of connections take.
---@field refused integer # Total connections refused: the buffers are full, or an address has too many.
---@field shed integer # Total connections ended because they held the most.
---@field handlerErrors integer # Total errors in handlers and tasks.
---@field peerErrors integer # Total connections ended by fail.
---@field iterations integer # Turns of the loop.
---@field objects integer # Servers, sockets, timers, tasks, semaphores and the like that exist now.
---@field processes integer # Processes that run now.
---@field tasks integer # Tasks and handlers that wait now.
---@field generation integer # The number of the run that serves now.
---@field reload? moonport.ReloadStats # Only in the program.
---@field memory integer # Bytes that Lua uses.

---Each writes one line to standard error: a format as for string.format, or a single value; behind what the format
---takes, a table with fields: log.info("said", { peer = address, bytes = 42 }). Never raises for its arguments: the
---line then says what doesn't fit.
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

---Creates a socket for datagrams.
---@return moonport.UdpSocket
function moonport.UdpSocket() end

---A program to be started.
---@return moonport.Process
function moonport.Process() end

---What moonport.Process holds beside.
---@class moonport.ProcessClass
---@field execute fun(program: string, arguments?: string[]): integer|nil, string|nil, moonport.Code|nil waits for its end
---@field startDetached fun(program: string, arguments?: string[]): integer|nil, string|nil, moonport.Code|nil its pid
---@field splitCommand fun(command: string): string[] the words of a line
---@field systemEnvironment fun(): table<string, string> this process' variables
---@field nullDevice fun(): string "/dev/null"

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

---Reads the first certificate of PEM, or the one of DER, or of a file of either: a text of several lines, or of DER, is
---read itself, and everything else is a path. It is a table that can be called, and holds what
---moonport.SslCertificateClass says.
---@param textOrPath string
---@return moonport.SslCertificate|nil, string|nil, moonport.Code|nil
function moonport.SslCertificate(textOrPath) end

---What moonport.SslCertificate holds beside.
---@class moonport.SslCertificateClass
---@field fromPath fun(path: string): moonport.SslCertificate[]|nil, string|nil, moonport.Code|nil all of a file
---@field fromData fun(data: string): moonport.SslCertificate[]|nil, string|nil, moonport.Code|nil all of a text
---@field verify fun(chain: moonport.SslCertificate[], hostName?: string|moonport.HostAddress, configuration?: moonport.SslConfiguration|table): moonport.SslError[]|nil, string|nil, moonport.Code|nil # what is wrong with a chain
---@field importPkcs12 fun(dataOrPath: string, passphrase?: string): moonport.SslKey|nil, ... # certificate, others

---Reads the first private key of PEM, or else the first public one, or one in DER, or a file of these: a text of
---several lines, or of DER, is read itself, and everything else is a path. Nobody is asked for a passphrase.
---@param textOrPath string
---@param passphrase? string
---@return moonport.SslKey|nil, string|nil, moonport.Code|nil
function moonport.SslKey(textOrPath, passphrase) end

---A server at a Unix-domain socket. It is a table that can be called, and holds what moonport.LocalServerClass says.
---@return moonport.LocalServer
function moonport.LocalServer() end

---What moonport.LocalServer holds beside.
---@class moonport.LocalServerClass
---@field removeServer fun(name: string): true|nil, string|nil, moonport.Code|nil the file of a crashed server

---A socket for Unix-domain sockets.
---@return moonport.LocalSocket
function moonport.LocalSocket() end

---A server whose connections are encrypted.
---@return moonport.SslServer
function moonport.SslServer() end

---A socket that can be encrypted.
---@return moonport.SslSocket
function moonport.SslSocket() end

---Checks a certificate, its key, and the other settings of TLS. Fails with SslInvalidUserDataError and says what is
---wrong. Wherever a configuration is taken, such a table is taken too.
---@param options moonport.SslOptions
---@return moonport.SslConfiguration|nil, string|nil, moonport.Code|nil
function moonport.SslConfiguration(options) end

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

---Ends the running handler and its connection because of what the peer has sent. Logged and counted as the peer's
---fault, not as an error of the script. What was written before is sent.
---@param message string
function moonport.fail(message) end

---Runs fn(...) as a task.
---@param fn function
---@param ... any
---@return moonport.Task
function moonport.spawn(fn, ...) end

---Lets n tasks at once have a permit.
---@param n integer # at least 1
---@return moonport.Semaphore
function moonport.Semaphore(n) end

---@return moonport.Condition
function moonport.Condition() end

---Holds so many values; 0: takes one only when somebody waits for it; math.huge: as many as there are.
---@param capacity? number # default 0
---@return moonport.Channel
function moonport.Channel(capacity) end

---Suspends the calling handler or task. -1: until it is cancelled; any other negative time counts as already over.
---Fails with SocketTimeoutError only if a deadline comes first.
---@param msec number
---@return true|nil, string|nil, moonport.Code|nil
function moonport.sleep(msec) end

---Runs fn(...), and returns what it returns. Every wait inside it ends by then with SocketTimeoutError. -1: no
---deadline; any other negative time has passed.
---@param msec number
---@param fn function
---@param ... any
---@return any ...
function moonport.deadline(msec, fn, ...) end

---Waits for the addresses of a name, and does not connect: those that connectToHost would try, in its order, and for
---how many seconds they are known to hold (0: not known). When one family has answered it waits at most a second for
---the other. A literal address is its own answer, "any" is "0.0.0.0". Fails with HostNotFoundError or
---SocketResourceError.
---@param name string
---@param protocol? moonport.Protocol # default "AnyIPProtocol"
---@return string[]|nil, integer|string, moonport.Code|nil
function moonport.lookup(name, protocol) end

---Moves what arrives on each of two streams to the other, and waits until both peers have finished. -> bytes from a,
---bytes from b | nil, message, code, bytes from a, bytes from b
---@param a moonport.TcpSocket
---@param b moonport.TcpSocket
---@param options? { idle?: number } # idle: ends it after so many milliseconds without a byte
---@return integer|nil, integer|string, moonport.Code|nil, integer|nil, integer|nil
function moonport.pipe(a, b, options) end

---Runs fn in a thread, on copies of strings, numbers, booleans and tables of them, and waits for its results. fn uses
---no local variables from outside. Its error is raised.
---@param fn fun(...): ...
---@param ... any
---@return any ...
function moonport.work(fn, ...) end

---Milliseconds of a clock that nobody can set. It starts anywhere: use it only for differences.
---@return integer
function moonport.now() end

---Nanoseconds of the same clock.
---@return integer
function moonport.hrtime() end

---Milliseconds since 1970, of the clock that may be set.
---@return integer
function moonport.epoch() end

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

---Calls fn(name), as a task, for each such signal, instead of what the program does then. Several functions are called
---in order. It holds until newer code takes over. Only in the program.
---@param name "SIGHUP"|"SIGINT"|"SIGTERM"|"SIGQUIT"|"SIGUSR1"|"SIGUSR2"|"SIGWINCH"|"SIGCONT"
---@param fn fun(name: string)
function moonport.onSignal(name, fn) end

---Which of the processes that run the script this one is, from 1, and how many there are; 1, 1 without --workers.
---@return integer number, integer count
function moonport.worker() end

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
