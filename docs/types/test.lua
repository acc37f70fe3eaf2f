---@meta moonport.test
-- SPDX-License-Identifier: MIT
-- Types of moonport.test for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---Helpers for tests of services.
---@class moonport.test
---@field timeout number # Milliseconds of a wait that isn't told: 5000, or MOONPORT_TEST_TIMEOUT of the environment.
local test = {}

---@class moonport.test.Options
---@field script string # The script's path.
---@field arguments? (string|number)[]
---@field options? (string|number)[] # Of the program.
---@field environment? table<string, string|number|false> # Variables; false removes one.
---@field listeners? integer # How many to wait for: 1 if left out.
---@field timeout? number # Milliseconds for the start.
---@field program? string # The moonport program.

---Starts a script, and waits until it listens.
---@param script string|moonport.test.Options
---@param ... string|number # The script's arguments.
---@return moonport.test.Service
function test.start(script, ...) end

---Connects to a port, or to a TcpServer of this process.
---@param port integer|moonport.TcpServer
---@param host? string # "127.0.0.1" if left out
---@param msec? number
---@return moonport.test.Client
function test.connect(port, host, msec) end

---Calls condition until it gives something true, and gives that.
---@generic T
---@param condition fun(): T
---@param msec? number
---@param what? string # Names it in the failure.
---@return T
function test.eventually(condition, msec, what) end

---Ends all services and clients.
function test.cleanup() end

---A script that runs in a process of its own.
---@class moonport.test.Service
---@field port integer # Of its first listener.
---@field listeners { host: string, port: integer }[]
---@field pid integer
local Service = {}

---A client of it, or of another of its ports.
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

---Waits for a line of the log that fits; each line is found once. Gives the captures, or the line.
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

---Waits for its end. Gives its exit status, 128 + n when a signal n ended it.
---@param msec? number
---@return integer
function Service:wait(msec) end

---Ends it with SIGTERM. Gives its exit status.
---@param msec? number
---@return integer
function Service:stop(msec) end

---Ends it with SIGKILL.
function Service:kill() end

---Ends it. Raises if it has failed before by itself, unasked.
function Service:close() end

---A connection to a service.
---@class moonport.test.Client
---@field socket moonport.TcpSocket
local Client = {}

---Sends.
---@param bytes string
---@return moonport.test.Client
function Client:send(bytes) end

---A number of bytes, a line without its end, or all until the peer closes.
---@param what integer|"line"|"all"
---@param msec? number
---@return string
function Client:receive(what, msec) end

---Exactly these bytes come next.
---@param bytes string
---@param msec? number
---@return string
function Client:expect(bytes, msec) end

---The next line is this, apart from its end.
---@param line string
---@param msec? number
---@return string
function Client:expectLine(line, msec) end

---Reads until the Lua pattern is found, and takes all up to its end. Gives the captures, or what fits.
---@param pattern string
---@param msec? number
---@return string ...
function Client:expectMatch(pattern, msec) end

---The peer ends the connection, and nothing comes before.
---@param msec? number
---@return "closed"|"reset"
function Client:expectEnd(msec) end

---Nothing comes for so long, and the peer stays.
---@param msec? number # 50 if left out
function Client:expectNothing(msec) end

---Tells the peer that no more comes; reading goes on.
function Client:closeWriteChannel() end

---Closes it.
function Client:close() end
