std = "lua54"
max_line_length = 120
max_string_line_length = false
self = false
files["spec"] = { std = "+busted" }
files["docs/types"] = { ignore = { "1", "2", "631" } } -- ---@meta: declarations without bodies, in one line
files["template/spec"] = { std = "+busted" }
