-- How the helpers of moonport.test fail: at the test's own line, with what was expected and what came.
-- SPDX-License-Identifier: MIT

local failure = {}

local longest = 300 -- bytes shown of what came

--- Bytes as a person reads them: "a\r\n\x00".
function failure.quoted(bytes)
  local shown = bytes:sub(1, longest):gsub('[%c\\"\x80-\xff]', function(byte)
    local names = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\", ['"'] = '\\"' }
    return names[byte] or ("\\x%02x"):format(byte:byte())
  end)
  return ('"%s"%s'):format(shown, #bytes > longest and (" and %d bytes more"):format(#bytes - longest) or "")
end

--- Raises, at the line where the test called the helper `name`, if its first argument isn't a string: that is a mistake
--- in the test.
function failure.needString(value, name)
  if type(value) == "string" then return end
  local got = value == nil and "no value" or type(value)
  error(("bad argument #1 to '%s' (string expected, got %s)"):format(name, got), 3)
end

--- Fails at the line where the test called the helper: `depth` functions above the one that calls this. Under busted
--- this is a failure, not an error.
function failure.raise(text, depth)
  local at = debug.getinfo(2 + depth, "Sl")
  if at and at.currentline > 0 then text = ("%s:%d: %s"):format(at.short_src, at.currentline, text) end
  local luassert, failed = package.loaded.luassert, nil
  if luassert then failed = select(2, pcall(luassert, false, text)) end
  if type(failed) == "table" then failed.message = text end -- busted's, which names a line of this file
  error(failed or text, 0)
end

return failure
