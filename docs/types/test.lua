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
---@field program? string # The moonport program.

---Starts the script with the arguments, and waits until it listens. Or start(options).
---@param script string|moonport.test.Options
---@param ... string|number # The script's arguments.
---@return moonport.test.Service
function test.start(script, ...) end

---Connects to a port, or to a TcpServer of this process.
---@param port integer|moonport.TcpServer
---@param host? string # default "127.0.0.1"
---@param msec? number
---@return moonport.test.Client
function test.connect(port, host, msec) end

---Calls condition until it returns something true, and returns that. what names it in the failure.
---@generic T
---@param condition fun(): T
---@param msec? number
---@param what? string # Names it in the failure.
---@return T
function test.eventually(condition, msec, what) end

---Ends all services and clients.
function test.cleanup() end

---A script in a process of its own.
---@class moonport.test.Service
---@field port integer # That of its first listener.
---@field listeners { host: string, port: integer }[]
---@field pid integer
local Service = {}

---Connects to it, or to another of its ports.
---@param port? integer
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
