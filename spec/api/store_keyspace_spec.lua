-- SPDX-License-Identifier: MIT
-- moonport.store.keyspace: random changes compared with plain tables, and saves that run meanwhile, which must write
-- what was there when they began. MOONPORT_SPEC_SEED sets the random sequence.
-- #nogc: it computes

require "spec.helper"
local keyspace = require "moonport.store.keyspace"
local resp = require "moonport.resp"

local seed = tonumber(os.getenv "MOONPORT_SPEC_SEED") or 20261201
local far = keyspace.now() + 3600000

local function copy(model)
  local all = {}
  for key, entry in pairs(model) do
    local one = { kind = entry.kind, value = entry.value, expires = entry.expires }
    if entry.members then
      one.members = {}
      for member, value in pairs(entry.members) do one.members[member] = value end
    end
    all[key] = one
  end
  return all
end

-- What a save has written, as a model.
local function read(text)
  local reader, model = resp.commands(), {}
  reader:feed(text)
  local name, _, a, b, c = reader:next()
  while name do
    local list = reader:arguments()
    if name == "SET" then
      assert.is_nil(model[a], "written twice: " .. a)
      model[a] = { kind = "string", value = b, expires = math.tointeger(tonumber(list[4] or 0)) }
    elseif name == "PEXPIREAT" then
      model[a].expires = math.tointeger(tonumber(b))
    else
      local kind = name == "HSET" and "hash" or "set"
      model[a] = model[a] or { kind = kind, members = {}, expires = 0 }
      assert.equal(kind, model[a].kind)
      assert.equal(0, model[a].expires)
      assert.is_nil(model[a].members[b], "written twice")
      model[a].members[b] = c or true
    end
    name, _, a, b, c = reader:next()
  end
  return model
end

local function contents(space)
  local model, cursor = {}, 0
  repeat
    local found
    cursor, found = space:scan(cursor, 7)
    for _, key in ipairs(found) do
      local kind = space:kind(key)
      local entry = { kind = kind, expires = space:expires(key) }
      if kind == "string" then
        entry.value = space:get(key)
      else
        entry.members = {}
        local at = 0
        repeat
          local list
          at, list = space:scanMembers(kind, key, at, 3)
          for i = 1, #list, kind == "hash" and 2 or 1 do
            entry.members[list[i]] = kind == "hash" and list[i + 1] or true
          end
        until at == 0
      end
      model[key] = entry
    end
  until cursor == 0
  return model
end

-- Changes both in the same way.
local function change(space, model)
  local key = "k" .. math.random(30)
  local entry, what = model[key], math.random(16)
  local member = "m" .. math.random(25)
  if what <= 3 then
    local value, expires = ("v"):rep(math.random(0, 40)), math.random(3) == 1 and far + math.random(1000) or 0
    space:set(key, value, expires)
    model[key] = { kind = "string", value = value, expires = expires }
  elseif what <= 9 then
    local kind = what <= 6 and "hash" or "set"
    local value = kind == "hash" and tostring(math.random(1000)) or nil
    local wanted = not entry and 1 or entry.kind == kind and (entry.members[member] and 0 or 1)
    assert.equal(wanted, space:setMember(kind, key, member, value))
    if wanted then
      model[key] = entry or { kind = kind, members = {}, expires = 0 }
      model[key].members[member] = value or true
    end
  elseif what <= 11 then
    local kind = what == 10 and "hash" or "set"
    local wanted = not entry and 0 or entry.kind == kind and (entry.members[member] and 1 or 0)
    assert.equal(wanted, space:removeMember(kind, key, member))
    if wanted == 1 then
      entry.members[member] = nil
      if not next(entry.members) then model[key] = nil end
    end
  elseif what == 12 then
    assert.equal(entry ~= nil, space:remove(key))
    model[key] = nil
  elseif what == 13 and entry then
    entry.expires = math.random(2) == 1 and far + math.random(1000) or 0
    space:expireAt(key, entry.expires)
  elseif what == 14 and entry then
    local other = "k" .. math.random(30)
    space:rename(key, other)
    model[key] = nil
    model[other] = entry
  elseif what == 15 and math.random(60) == 1 then
    space:clear()
    for name in pairs(model) do model[name] = nil end
  elseif what == 16 then
    space:sweep(math.random(5))
  end
end

describe("A keyspace", function()
  it("has what was put into it, through all that comes and goes", function()
    math.randomseed(seed)
    local space, model = keyspace.new(), {}
    for i = 1, 20000 do
      change(space, model)
      if i % 500 == 0 then assert.same(model, contents(space)) end
    end
    space:clear()
    while space:sweep(3) do end
    assert.same({ 0, 0, false }, { space:count(), space:bytes(), space:sweep(1) })
  end)

  it("writes what was there when a save began, whatever changes meanwhile", function()
    math.randomseed(seed)
    local space, model = keyspace.new(), {}
    for round = 1, 300 do
      for _ = 1, math.random(100) do change(space, model) end
      while math.random(4) > 1 and space:sweep(10) do end
      local number = space:beginSave()
      assert.is_nil(space:endSave(number - 1))
      local wanted, parts, count = copy(model), {}, 0
      local text, more
      repeat
        text, more = space:saveSome(math.random(200), math.random(5))
        parts[#parts + 1] = text
        for _ = 1, more and math.random(0, 4) or 0 do change(space, model) end
      until not more
      for _ in pairs(wanted) do count = count + 1 end
      assert.equal(count, space:endSave(number), "round " .. round)
      assert.same(wanted, read(table.concat(parts)), "round " .. round)
    end
    assert.same(model, contents(space))
  end)

  it("grows and shrinks, and finds each of many keys", function()
    local space, count = keyspace.new(), 50000
    for i = 1, count do space:set("key:" .. i, i) end
    assert.equal(count, space:count())
    for i = 1, count do assert.equal(tostring(i), space:get("key:" .. i)) end
    for i = 1, count, 2 do space:remove("key:" .. i) end
    for i = 1, count do assert.equal(i % 2 == 0 and tostring(i) or nil, space:get("key:" .. i)) end
    for i = 2, count, 2 do space:remove("key:" .. i) end
    assert.equal(0, space:count())
    assert.is_true(space:bytes() < 4096, space:bytes())
  end)

  it("scans all that is there from the first call to the last, whatever comes and goes", function()
    math.randomseed(seed)
    for _ = 1, 50 do
      local space, stays, cursor = keyspace.new(), {}, 0
      for i = 1, 500 do
        space:set("key:" .. i, "x")
        if i % 3 == 0 then stays["key:" .. i] = true end
      end
      repeat
        local found
        cursor, found = space:scan(cursor, 10)
        for _, key in ipairs(found) do stays[key] = nil end
        for _ = 1, 20 do
          local i = math.random(500)
          if i % 3 ~= 0 then space:remove("key:" .. i) end
          if math.random(2) == 1 then space:set("new:" .. math.random(1000), "x") end
        end
      until cursor == 0
      assert.is_nil(next(stays))
    end
  end)

  it("removes what has expired, when it is read and by itself, and doesn't save it", function()
    local space, past = keyspace.new(), keyspace.now() - 1
    for i = 1, 10 do
      space:set("a" .. i, "x", past)
      space:setMember("set", "s" .. i, "x")
      space:expireAt("s" .. i, past)
    end
    space:set("stays", "x", far)
    space:beginSave()
    assert.same({ resp.command("SET", "stays", "x", "PXAT", far), false }, { space:saveSome(1 << 20, 1 << 20) })
    assert.equal(1, space:endSave())
    assert.is_nil(space:get "a1")
    assert.is_nil(space:kind "s1")
    assert.equal(19, space:count())
    space:removeExpired(100)
    assert.equal(1, space:count())
  end)
end)
