-- What moonport ctl says about itself, and about each command.
-- SPDX-License-Identifier: MIT

local help = {}

help.all = [[
usage: moonport ctl [PID|NAME|PATH] COMMAND [options]

Asks a running moonport of this user, or of any user as root. PID is the number
of its process, NAME that of its unit (moonport@NAME), PATH its control socket.
Without one of these the only program is asked; of several, it lists them.
commands (moonport ctl COMMAND --help explains one and its columns):
  status             how it is: traffic, errors, lag, memory, last reload
  connections [TEXT] who is connected; --sort FIELD, --server PORT
  handlers           which handlers are called, and how often they fail
  waits              where handlers and tasks wait, and since when
  errors             the last 50 different errors, with their tracebacks
  top                how it is, the busiest handlers, each second; --count N
  profile [SECONDS]  where it spends its time (10); --folded FILE
  memory             what its memory is, and the largest tables
  trace ID           the bytes of a connection as they come and go
  console            Lua in the running service; --timeout MS an entry (5000)
  reload             load the script again, and say how it went
  rollback           go back to the code before the last reload
  drain              close the listeners, stop when the last connection ends
  stop               stop as by SIGTERM
  close ID           close a connection
  log LEVEL          debug, info, warning, error or none
options:
  --worker N         ask one of several workers; else status, top and errors
                     add all up, and what changes the program is for all
  --json             print the answer as JSON, a line for each thing
  --help             print this
exit status: 0 done, 1 the program says no or can't be asked, 2 wrong usage
]]

help.of = {
  status = [[
moonport ctl [PROGRAM] status [--json]

How the service is. "handlers" are calls of handlers of this generation, and
how many handlers and tasks wait. "lag" is how long turns of the event loop
took in the last one or two minutes: nobody else is served meanwhile. The
longest is exact; the others are of one turn in 32, rounded up. "made" are
outgoing connections. Generations count the reloads, from 1 on.
]],
  connections = [[
moonport ctl [PROGRAM] connections [TEXT] [--sort FIELD] [--server PORT]

Who is connected: those with TEXT anywhere in id, server, peer, state or
fields, and of the server at PORT.
  id       for "close"; the same as in "waits"
  server   whose client it is, or (outgoing)
  age      since it connected
  idle     since the system last sent or received something
  unread   bytes that arrived and the script hasn't read
  unsent   bytes that the script wrote and the peer hasn't taken
  read     all bytes that arrived; sent: all bytes that left
  gen      the generation whose code serves it
  fields   what the script has put into it
FIELD is id, or, the largest first, age, idle, unread, unsent, read or sent.
]],
  handlers = [[
moonport ctl [PROGRAM] handlers

How often each handler was called since the start, over all reloads, and how
often it ended by an error. "line" is where its function begins. A handler of
a server's connections has one row, however many there are.
]],
  waits = [[
moonport ctl [PROGRAM] waits

Every handler and task that waits, the oldest first.
  line        where, and in which function
  since       for how long
  handler     its signal; "task" and others are no handlers
  connection  the id of the connection whose handler it is
  gen         the generation whose code waits
  of          what it waits for, with the id if that is a connection
A handler goes on waiting when its own connection ends. If it waits for an
outgoing connection, closing that one ends the wait.
]],
  errors = [[
moonport ctl [PROGRAM] errors

The last 50 different errors of handlers and tasks, the last one first: how
often, since when, in which generation last, and the traceback of the first.
]],
  top = [[
moonport ctl [PROGRAM] top [--count N]

How the service is, its busiest handlers and its last errors, again each
second until Ctrl-C, or N times. Numbers "a second" are of the last second.
]],
  profile = [[
moonport ctl [PROGRAM] profile [SECONDS] [--folded FILE]

Where the service spends its time: looks a hundred times a second, for SECONDS
(10). "self" is the share of a line itself, with the functions in C that it
calls; "with calls" has the functions in Lua, too. (idle) waits for events;
(host) is moonport's own work; (hooked) runs under another hook: code that
loads, and the console. --folded writes whole stacks for a flame graph.
]],
  memory = [[
moonport ctl [PROGRAM] memory

What the memory is. Then the largest tables by path, with what is directly in
them: "rooms[*]" is all tables in rooms together, "local x (a.lua)" what that
variable has. It is found while the service goes on, and so approximate. Last,
what still belongs to earlier generations.
]],
  trace = [[
moonport ctl [PROGRAM] trace ID

The bytes of a connection, ">" as they come and "<" as they go, until Ctrl-C
or its end. With TLS they are decrypted. The id is in "connections". What a
slow terminal can't take is left out, and counted.
]],
  console = [[
moonport ctl [PROGRAM] console [--timeout MS]

Lua in the running service. A line is an entry; an incomplete one goes on in
the next line. Values of expressions are shown. Globals of the script and its
modules by name are in reach; an entry may wait, for MS at most (5000). Local
variables stay for the next entries. An error ends only its entry. Ctrl-D,
exit or quit leave. From a pipe it reads entries and prints their values.
exit status: 0, or 1 if an entry failed
]],
  reload = [[
moonport ctl [PROGRAM] reload

Loads the script again, as SIGHUP does, and says how it went. Connections
stay; if the new script fails, the old one goes on. Variables of the script
begin anew, except those in moonport.persist.
]],
  rollback = [[
moonport ctl [PROGRAM] rollback

Goes back to the code that served before the last reload: its sources are
loaded again, as a new generation. Twice is back and forth.
]],
  drain = [[
moonport ctl [PROGRAM] drain

Closes the listeners, keeps the connections, and stops the service when the
last of them ends.
]],
  stop = [[
moonport ctl [PROGRAM] stop

Stops the service as SIGTERM does.
]],
  close = [[
moonport ctl [PROGRAM] close ID

Closes that connection at once; what it has not sent yet is lost. The id is
in "connections". A handler of it that waits for something else goes on.
]],
  log = [[
moonport ctl [PROGRAM] log LEVEL

Logs debug, info, warning, error or none from now on.
]],
}

return help
