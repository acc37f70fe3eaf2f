-- SPDX-License-Identifier: MIT
-- Mail sink: takes every message by SMTP and delivers none, to see what a program sends.
--   moonport mail.lua [port [address [folder]]] [--tls CERTIFICATE KEY]        2525 of 127.0.0.1
-- unix:/path may take the place of both port and address.
-- A message becomes a file of the folder, or without a folder lines of the log. With --tls clients may encrypt
-- (STARTTLS). Try it with
--   curl smtp://127.0.0.1:2525 --mail-from me@a.example --mail-rcpt you@b.example -T letter.txt
-- Whoever can connect may fill the folder: keep it on an address that only your programs reach.
local moonport = require "moonport"
local log = moonport.log

local given, server, encrypts = require "tls_option" (arg)
local where = require "where"
local place, others = where.from(given, 2525)
local folder = others[1]

local commandLine, textLine = 512, 1000 -- bytes, with CR and LF (RFC 5321, 4.5.3.1)
local largest = 10 << 20                -- bytes of a message
local most = 100                        -- recipients of a message
local patience = 20                     -- mistakes after which a client is dropped
local shown = 50                        -- lines of a message in the log

-- What a reload keeps, for names of files that are never used twice.
local kept = moonport.persist("mail", { count = 0, prefix = ("%d-%08x"):format(os.time(), math.random(0, 0xffffffff)) })

-- Messages -----------------------------------------------------------------------------------------------------------

-- One that is being received: where it goes, its size, and what is wrong with it, as the reply that refuses it.
local Message = {}
Message.__index = Message

local function begin(head)
  local self = setmetatable({ size = 0, count = 0, lines = {} }, Message)
  if folder then
    kept.count = kept.count + 1
    self.path = ("%s/%s-%d.eml"):format(folder, kept.prefix, kept.count)
    local why
    self.file, why = io.open(self.path .. ".part", "wb")
    if not self.file then return nil, why end
  end
  self:keep(head)
  return self
end

function Message:keep(text)
  if self.file then
    local written, why = self.file:write(text)
    if not written then self:refuse("452 4.3.1 it can't be kept", why) end
  else
    for line in text:gmatch "[^\n]*\n" do
      self.count = self.count + 1
      if self.count <= shown then self.lines[self.count] = (line:match "^.*%S" or ""):gsub("%c", "?") end
    end
  end
end

function Message:refuse(reply, why)
  if self.wrong then return end
  self.wrong = reply
  if why then log.error("mail: %s: %s", self.path, why) end
end

-- A line of it, or the part of a line that is too long.
function Message:add(line)
  self.size = self.size + #line
  if self.size > largest then self:refuse(("552 5.3.4 a message has at most %d bytes"):format(largest)) end
  if line:sub(-2) ~= "\r\n" then self:refuse "554 5.6.0 a line is too long, or doesn't end in CR LF" end
  if line:find("\r", 1, true) ~= #line - 1 then self:refuse "554 5.6.0 a CR without LF" end
  if not self.wrong then self:keep(line) end
end

-- It ends, kept or not.
function Message:close()
  if not self.file then return end
  local done, why = self.file:close()
  if done and not self.wrong then done, why = os.rename(self.path .. ".part", self.path) end
  if not done then self:refuse("452 4.3.1 it can't be kept", why) end
  if self.wrong then os.remove(self.path .. ".part") end
end

-- It is complete. -> the reply
function Message:finish(about)
  self:close()
  if self.wrong then return self.wrong end
  log.info("mail: %s: %d bytes%s", about, self.size, self.path and " in " .. self.path or "")
  for _, line in ipairs(self.lines) do log.info("mail: |%s", line == "" and "" or " " .. line) end
  if self.count > shown then log.info("mail: | and %d more lines", self.count - shown) end
  return "250 2.0.0 kept"
end

-- Commands -----------------------------------------------------------------------------------------------------------

local client = server.connection

-- A command gets the connection and its parameters. It returns the reply; nil: it has replied.
local commands = {}

local function forget(self)
  self.sender, self.recipients = nil, {}
end

local function greeted(self, name, protocol)
  if not name:find "^[%w%-_.:%[%]]+$" then return false end
  forget(self)
  self.greeting, self.protocol = name, protocol
  return true
end

function commands.HELO(self, name)
  return greeted(self, name, "SMTP") and "250 localhost" or "501 5.5.4 HELO your.name"
end

function commands.EHLO(self, name)
  if not greeted(self, name, "ESMTP") then return "501 5.5.4 EHLO your.name" end
  self:write(("250-localhost\r\n250-PIPELINING\r\n250-SIZE %d\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n")
    :format(largest))
  if encrypts and not self:isEncrypted() then self:write "250-STARTTLS\r\n" end
  return "250 VRFY"
end

-- The path and the parameters in "FROM:<path> NAME=VALUE…", or nil
local function path(text, word)
  local name, found, rest = text:match "^(%a+):%s*<([^<>%s%c]*)>(.*)$"
  if name and name:upper() == word and (rest == "" or rest:find "^%s") then return found, rest end
end

function commands.MAIL(self, text)
  if not self.greeting then return "503 5.5.1 EHLO first" end
  if self.sender then return "503 5.5.1 there is a sender already" end
  local sender, rest = path(text, "FROM")
  if not sender or #sender > 256 then return "501 5.5.4 MAIL FROM:<address>" end
  for name, value in rest:gmatch "(%w+)=?(%S*)" do
    name = name:upper()
    if name == "SIZE" and (tonumber(value) or 0) > largest then
      return ("552 5.3.4 a message has at most %d bytes"):format(largest)
    elseif name ~= "SIZE" and name ~= "BODY" then
      return "555 5.5.4 there is no such parameter"
    end
  end
  self.sender = sender
  return "250 2.1.0 ok"
end

function commands.RCPT(self, text)
  if not self.sender then return "503 5.5.1 MAIL first" end
  local recipient, rest = path(text, "TO")
  if not recipient or recipient == "" or #recipient > 256 then return "501 5.5.4 RCPT TO:<address>" end
  if rest:find "%S" then return "555 5.5.4 there is no such parameter" end
  if #self.recipients >= most then return ("452 4.5.3 a message has at most %d recipients"):format(most) end
  table.insert(self.recipients, recipient)
  return "250 2.1.5 ok"
end

function commands.DATA(self, text)
  if text ~= "" then return "501 5.5.4 DATA has no parameters" end
  if not self.recipients or not self.recipients[1] then return "503 5.5.1 RCPT first" end
  local secret = encrypts and self:isEncrypted()
  local how = secret and ("%sS (%s)"):format(self.protocol, self:sessionProtocol()) or self.protocol
  local head = "Return-Path: <%s>\r\nDelivered-To: %s\r\nReceived: from %s ([%s]) with %s;\r\n %s\r\n"
  local why
  self.message, why = begin(head:format(self.sender, table.concat(self.recipients, ",\r\n "), self.greeting,
    self:peerAddress() or "unix", how, os.date "!%a, %d %b %Y %H:%M:%S +0000"))
  if self.message then return "354 send it, and end with a dot" end
  log.error("mail: %s", why)
  return "452 4.3.1 it can't be kept"
end

function commands.RSET(self)
  forget(self)
  return "250 2.0.0 ok"
end

function commands.NOOP() return "250 2.0.0 ok" end
function commands.VRFY() return "252 2.1.5 everybody gets mail here" end

function commands.QUIT(self)
  self.leaving = true
  return "221 2.0.0 bye"
end

function commands.STARTTLS(self, text)
  if text ~= "" then return "501 5.5.4 STARTTLS has no parameters" end
  if not encrypts then return "502 5.5.1 there is no TLS" end
  if self:isEncrypted() then return "503 5.5.1 it is encrypted already" end
  if self:bytesAvailable() > 0 then -- somebody between may have put it there (RFC 3207, 6)
    self.leaving = true
    return "554 5.5.1 nothing may follow STARTTLS"
  end
  forget(self)
  self.greeting = nil
  self:write "220 2.0.0 begin\r\n"
  self:startServerEncryption() -- what fails from here on is an error of the connection
end

-- Connections --------------------------------------------------------------------------------------------------------

function client:command(line)
  local text = line:match "^(.*)\r\n$"
  local word, parameters = (text or ""):match "^(%a+) *(.*)$"
  parameters = (parameters or ""):match "^.*[^ ]" or ""
  local run = word and commands[word:upper()]
  local reply
  if not text then
    reply = "500 5.5.2 a command has at most 512 bytes, and ends in CR LF"
  else
    reply = run and run(self, parameters) or not run and "500 5.5.1 there is no such command"
  end
  if reply and reply:find "^5" then
    self.mistakes = (self.mistakes or 0) + 1
    if self.mistakes > patience then
      self.leaving = true
      reply = "421 4.7.0 too many mistakes"
    end
  end
  if reply and not self:write(reply .. "\r\n") then self:abort() end -- it doesn't read its replies
end

function client:text(line, isWhole)
  local message = self.message
  if isWhole and line == ".\r\n" then
    self.message = nil
    local to = table.concat(self.recipients, ", ")
    self:write(message:finish(("from <%s> to %s"):format(self.sender, to)) .. "\r\n")
    return forget(self)
  end
  if isWhole and line:sub(1, 1) == "." then line = line:sub(2) end -- it was doubled
  message:add(line)
end

function client:readyRead()
  while not self.leaving do
    local limit = self.message and textLine + 1 or commandLine -- one more for the doubled dot
    if not self:canReadLine() and self:bytesAvailable() < limit then return end
    local line = self:readLine(limit)
    local isWhole = not self.cutting -- false: the line has begun before
    -- In a message only CR LF ends a line: what follows a bare LF can't be its end.
    local stop = line:sub(-2) == "\r\n" or line == "\n" and self.hadCR or not self.message and line:sub(-1) == "\n"
    self.cutting, self.hadCR = not stop, line:sub(-1) == "\r"
    if self.message then self:text(line, isWhole) elseif isWhole then self:command(line) end
  end
  self:readAll()
  self:disconnectFromHost()
end

function client:disconnected()
  if not self.message then return end
  self.message:refuse "it is incomplete"
  self.message:close()
  self.message = nil
end

function client:errorOccurred(code)
  if code == "RemoteHostClosedError" then return end
  log.info("mail: %s: %s", self:peerAddress() or "unix", self:errorString())
end

function server:newConnection()
  self:nextPendingConnection():write "220 localhost ESMTP: a sink, nothing is delivered\r\n"
end

if encrypts then server:setImplicitEncryption(false) end
server:setReadBufferSize(64 * 1024)
server:setWriteBufferLimit(64 * 1024)
server:setIdleTimeout(5 * 60 * 1000)
server:setMaxConnections(100)
assert(server:listen(table.unpack(place)))
log.info("mail: listening on %s, keeping messages in %s", where.of(server), folder or "the log")
