-- For specs of certificates and keys: a pair that is always the same, and what the openssl program makes.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local ssl = dofile "spec/ssl_pair.lua"

--- Makes a folder in which the openssl program works. remove() takes it away.
function ssl.folder()
  local folder = { path = helper.folder() }

  --- Runs openssl, whose arguments may name files of the folder as "@name". -> what it prints
  function folder.openssl(arguments)
    local list = { "openssl" }
    for word in arguments:gsub("@", folder.path .. "/"):gmatch "%S+" do list[#list + 1] = word end
    local status, out, err = helper.run(list, nil, 30000)
    assert(status == 0, err)
    return out
  end

  function folder.write(name, text)
    local file <close> = assert(io.open(folder.path .. "/" .. name, "wb"))
    assert(file:write(text))
    return folder.path .. "/" .. name
  end

  function folder.read(name)
    local file <close> = assert(io.open(folder.path .. "/" .. name, "rb"))
    return file:read "a"
  end

  --- A certificate that signs itself, of lines of openssl.cnf: its subject, and its extensions. -> its DER
  function folder.selfSigned(name, subject, extensions, options)
    folder.write(name .. ".cnf", "[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\nx509_extensions=ext\n[dn]\n"
      .. subject .. "\n[ext]\n" .. (extensions or "") .. "\n")
    local file = "@" .. name
    folder.openssl(("req -x509 -newkey ed25519 -nodes -keyout %s.key -out %s.pem -config %s.cnf %s"):format(file, file,
      file, options or ""))
    folder.openssl(("x509 -in %s.pem -outform der -out %s.der"):format(file, file))
    return folder.read(name .. ".der")
  end

  function folder.remove()
    for name in require "lfs".dir(folder.path) do os.remove(folder.path .. "/" .. name) end
    assert(os.remove(folder.path))
  end

  return folder
end

return ssl
