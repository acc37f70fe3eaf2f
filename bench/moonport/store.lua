-- SPDX-License-Identifier: MIT
-- A moonport.store: moonport store.lua PORT

assert(require("moonport.store").server({}):listen("127.0.0.1", tonumber(arg[1])))
