---@meta moonport.test
-- SPDX-License-Identifier: MIT
-- Types of moonport.test for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---Helpers for tests of services.
---@class moonport.test
---@field timeout number # Default of waits in milliseconds: 5000, or MOONPORT_TEST_TIMEOUT of the environment.
local test = {}

---@class moonport.test.Options
---@field script string # The script's path.
---@field arguments? (string|number)[]
---@field options? (string|number)[] # Of the program.
---@field environment? table<string, string|number|false> # Variables; false removes one.
---@field listeners? integer # How many to wait for; default 1.
---@field timeout? number # Milliseconds for the start.
---@field tls? moonport.test.Tls # How its clients connect by TLS.
---@field program? string # The moonport program.

---Starts the script with the arguments, and waits until it listens. Or start(options).
---@param script string|moonport.test.Options
---@param ... string|number # The script's arguments.
---@return moonport.test.Service
function test.start(script, ...) end

---What a client trusts and shows: an authority, or the table of an SslConfiguration.
---@alias moonport.test.Tls moonport.test.Authority|moonport.test.Certificate|table

---@class moonport.test.ConnectOptions
---@field port? integer|moonport.TcpServer
---@field host? string # Not of a service.
---@field timeout? number
---@field tls? moonport.test.Tls|false # false: in the clear.

---Connects to a port, or to a TcpServer of this process. Or connect(options).
---@param port integer|moonport.TcpServer|moonport.test.ConnectOptions
---@param host? string # default "127.0.0.1"
---@param msec? number
---@return moonport.test.Client
function test.connect(port, host, msec) end

---Makes an authority for certificates, by the program openssl.
---@param options? moonport.test.AuthorityOptions
---@return moonport.test.Authority
function test.authority(options) end

---Calls condition until it returns something true, and returns that. what names it in the failure.
---@generic T
---@param condition fun(): T
---@param msec? number
---@param what? string # Names it in the failure.
---@return T
function test.eventually(condition, msec, what) end

---Ends all services and clients, and removes the files of all authorities.
function test.cleanup() end

---A script in a process of its own.
---@class moonport.test.Service
---@field port integer # That of its first listener.
---@field listeners { host: string, port: integer }[]
---@field pid integer
local Service = {}

---Connects to it, or to another of its ports.
---@param port? integer|moonport.test.ConnectOptions
---@param msec? number
---@return moonport.test.Client
function Service:connect(port, msec) end

---What it has written to standard error so far.
---@return string
function Service:log() end

---The same for standard output.
---@return string
function Service:output() end

---Waits for a line of the log that matches the Lua pattern. Each line is found once. Returns the captures, or the line.
---@param pattern string
---@param msec? number
---@return string ...
function Service:expectLog(pattern, msec) end

---The same for standard output.
---@param pattern string
---@param msec? number
---@return string ...
function Service:expectOutput(pattern, msec) end

---Writes to its standard input.
---@param bytes string
function Service:write(bytes) end

---Sends it a signal: "HUP", "TERM", "INT", "QUIT", "KILL", "STOP", "CONT", "USR1", "USR2".
---@param name string
function Service:signal(name) end

---Whether it runs.
---@return boolean
function Service:isRunning() end

---Waits until it ends; returns its exit status, 128 + n if signal n ended it.
---@param msec? number
---@return integer
function Service:wait(msec) end

---Ends it with SIGTERM and waits; returns its exit status. Its clients whose peer has closed close too, so that it
---needn't wait for them.
---@param msec? number
---@return integer
function Service:stop(msec) end

---Ends it with SIGKILL.
function Service:kill() end

---Ends it, by force if necessary; also at the end of a <close> variable. Raises if it failed by itself before and the
---test hasn't asked with wait or stop.
function Service:close() end

---A connection to a service.
---@class moonport.test.Client
---@field socket moonport.TcpSocket
local Client = {}

---Sends the bytes.
---@param bytes string
---@return moonport.test.Client
function Client:send(bytes) end

---A number of bytes, a "line" without its "\n" or "\r\n", or "all" until the peer closes.
---@param what integer|"line"|"all"
---@param msec? number
---@return string
function Client:receive(what, msec) end

---Exactly these bytes come next.
---@param bytes string
---@param msec? number
---@return string
function Client:expect(bytes, msec) end

---The next line is this, without its "\n" or "\r\n".
---@param line string
---@param msec? number
---@return string
function Client:expectLine(line, msec) end

---Reads until it finds the Lua pattern, and takes everything up to the end of the match. End the pattern with what
---surely ends the message, such as "\n": more may be on its way. Returns the captures, or the match.
---@param pattern string
---@param msec? number
---@return string ...
function Client:expectMatch(pattern, msec) end

---The peer ends the connection, and nothing comes before.
---@param msec? number
---@return "closed"|"reset"
function Client:expectEnd(msec) end

---Nothing comes for that time, and the peer stays connected.
---@param msec? number # default 50
function Client:expectNothing(msec) end

---Tells the peer that no more comes; reading goes on.
function Client:closeWriteChannel() end

---Closes it; also at the end of a <close> variable.
function Client:close() end

---What a certificate can be.
---@class moonport.test.CertificateShape
---@field key? string # "ec" (the default), "ec:P-384", "rsa", "rsa:4096", "ed25519"
---@field days? number # How long it is valid: default 30, of an authority 3650.
---@field expired? boolean # It has expired a day ago.
---@field notYetValid? boolean # It becomes valid tomorrow.
---@field commonName? string
---@field digest? string # Of the signature, such as "sha384".
---@field extensions? table<string, string|false> # As in openssl's x509v3_config; false removes one.

---@class moonport.test.AuthorityOptions: moonport.test.CertificateShape
---@field program? string # openssl's path.
---@field environment? table<string, string|number|false> # Variables; false removes one.

---@class moonport.test.CertificateOptions: moonport.test.CertificateShape
---@field names? string[] # Default "localhost", "127.0.0.1", "::1"; of a client none.
---@field client? boolean # It is for a client, and not for a server.
---@field selfSigned? boolean # It is signed by its own key.
---@field passphrase? string # Encrypts the key.

---@class moonport.test.Validity
---@field days? number
---@field expired? boolean

---@class moonport.test.OcspOptions: moonport.test.Validity
---@field unknown? boolean # The authority doesn't know the certificate.
---@field signer? moonport.test.Authority # The default is this one.

---A certificate, in files.
---@class moonport.test.Certificate
---@field certificate string # Path: the certificate and the intermediate ones.
---@field key string # Path.
---@field caCertificates string # Path of the root.
---@field passphrase? string # Of the key.
---@field file string # Path of the certificate without its chain.
---@field issuer moonport.test.Authority

---Issues throw-away certificates.
---@class moonport.test.Authority
---@field caCertificates string # Path of the root.
---@field file string # Path of its own certificate.
---@field key string # Path of its key.
---@field issuer? moonport.test.Authority # The one above.
local Authority = {}

---Issues a certificate.
---@param options? moonport.test.CertificateOptions
---@return moonport.test.Certificate
function Authority:certificate(options) end

---Makes an authority below this one. Its certificates come with the chain. It closes with the root.
---@param options? moonport.test.CertificateShape
---@return moonport.test.Authority
function Authority:intermediate(options) end

---Revokes a certificate or an intermediate authority that this one has issued.
---@param certificate moonport.test.Certificate|moonport.test.Authority
---@param reason? string # default "unspecified"
function Authority:revoke(certificate, reason) end

---Writes the list of what it has revoked so far, followed by those of the authorities above. Returns its path.
---@param options? moonport.test.Validity
---@return string
function Authority:crl(options) end

---Writes what it answers by OCSP (DER): good, revoked or unknown. Returns the path.
---@param certificate moonport.test.Certificate|moonport.test.Authority
---@param options? moonport.test.OcspOptions
---@return string
function Authority:ocspResponse(certificate, options) end

---Removes the files; also at the end of a <close> variable.
function Authority:close() end
