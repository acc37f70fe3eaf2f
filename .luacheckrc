std = "lua54"
max_line_length = 120
max_string_line_length = false
self = false
files["spec"] = { std = "+busted" }
files["docs/types"] = { ignore = { "1", "2" } } -- ---@meta: declarations without bodies
files["template/spec"] = { std = "+busted" }
