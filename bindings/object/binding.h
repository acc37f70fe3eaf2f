/*
 * What the files of the bindings share: the state, the box around each object, the door through which handlers run,
 * waits, and the checks of arguments. No libev and no system call here; those are host/'s.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_H
#define BINDING_H

#include <lauxlib.h>
#include <lua.h>

#include "data/address.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/network.h"
#include "net/socket_option.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "net/stream_limits.h"
#include "net/stream_output.h"
#include "net/tcp_server.h"
#include "net/tcp_socket.h"

typedef struct binding_state binding_state;
typedef struct binding_box binding_box;
typedef struct binding_task binding_task;
typedef struct binding_wait binding_wait;
typedef struct binding_generation binding_generation;

/* --- the state: one for a Lua state ---------------------------------------------------------------------------- */

/* Userdata classes; those of signal.h come first, with the same numbers. */
enum { CLASS_HOST_ADDRESS = MP_KIND_COUNT, CLASS_TASK, CLASS_CONNECTION, CLASS_COUNT };

struct binding_state {
    lua_State *L; /* main thread */
    mp_loop *loop;
    binding_task *running; /* the task that runs now, or NULL */
    mp_ring tasks;         /* all of them */
    binding_task *spare_tasks;
    unsigned spare_task_count;
    volatile uint32_t runs;   /* of tasks, ever: by it a watchdog tells one from the next */
    lua_State *volatile late; /* the coroutine in which it has set its hook */
    unsigned task_count;      /* suspended or waiting to start */
    unsigned cancelling;      /* tasks that are being cancelled, each by the one before */
    bool looping;             /* the loop runs: nothing may drive it again */
    bool arrivals_left; /* arrivals.c: the last handler has returned, and the receiver's is yet to run */
    bool quitting;
    int driven_outcome; /* of the last wait that drove the loop */
    bool hosted;        /* the program owns the loop; run() is not for the script */
    int quit_status;
    uint64_t handler_errors;
    const void *metatables[CLASS_COUNT]; /* lua_topointer of each, for quick checks */
    int metatable_refs[CLASS_COUNT];
    lua_State *kept;       /* its stack holds strings that are about to be sent */
    const char *last_kept; /* the last of them */
    int plain_socket;      /* reference: the metatable of sockets that have neither fields nor a server */
    int signal_names[MP_SIGNAL_COUNT]; /* registry references of the names */
    binding_generation *current;       /* the one that serves */
    binding_generation *staging;       /* the one that is being loaded, or NULL */
    binding_generation *generations;   /* all that live */
    uint32_t generation_count;         /* ever made */
    uint64_t resume_errors;            /* connectionResumed handlers that have thrown */
    uint8_t pace;                      /* of the collector: an enum of collector.c; 0: Lua's own */
    bool cycle_ended;                  /* the collector's last cycle, a moment ago */
    bool collecting;                   /* in the loop's idle time */
    bool tuned;                        /* the script has set parameters */
    int collect_at;         /* KiB in use from which it does so, or collects what is young; 0: never */
    int young_until;        /* KiB in use up to which it does that */
    int young_pause;        /* KiB that may be allocated from one time to the next */
    size_t input_strings;   /* bytes of those that binding_note_input was told of, since the last time */
    int cycles_due;         /* collector cycles to go through in the turns to come */
    uint32_t released;      /* sockets since the first of them began */
    double due_since;       /* when these began; 0: they haven't */
    double next_collection; /* when as many may again, if it is long */
    uint64_t objects;       /* that there were when the collector began to wait for its next cycle */
    uint64_t most_objects;  /* that there were since memory was given back */
    /* Pushes all that is unread without a copy, and has it read; false: it can't. NULL: nothing can. */
    bool (*adopt)(lua_State *L, mp_stream *socket);
    /* The program's part of quit(), reload() (false: it can't) and stats() (adds to the table on top). */
    void (*on_quit)(binding_state *state);
    bool (*on_reload)(binding_state *state);
    void (*on_stats)(binding_state *state, lua_State *L);
    /* And its part of giving memory back to the system. */
    void (*on_trim)(void);
    void *program; /* the program's own */
};

/* Stack slots of `L` that the door to the handlers needs; whoever drives the loop provides them. */
#define BINDING_STACK 64

/* Makes the state, its loop and the module's table, which it leaves on the stack. Raises on lack of memory. */
binding_state *binding_open(lua_State *L);

/* The state that a C function of the module belongs to (upvalue 1). Raises for a finaliser that comes after the end. */
static inline binding_state *binding_state_of(lua_State *L) {
    binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    if (!state->loop)
        luaL_error(L, "moonport has ended");
    return state;
}

/* Has the collector keep the pace of collector.c, for the program. */
void binding_pace_collector(lua_State *L, binding_state *state);

/* Has the collector go through all at each allocation instead, for tests: what is held by nothing is gone at once. */
void binding_collect_eagerly(lua_State *L);

/* Looks after the collector's pace; after a handler, if cycle_ended or collect_at is set. */
void binding_keep_pace(binding_state *state);

/* A step of the cycles that are due; true while there is more of them. */
bool binding_collect_due(binding_state *state);

/* A socket has been released: the garbage of many is collected soon. */
void binding_note_release(binding_state *state);

/* A string is made of `size` bytes of input. Short ones are too few bytes to matter to the pace. */
static inline void binding_note_input(binding_state *state, size_t size) {
    if (size >= 512)
        state->input_strings += size;
}

/* The state of a Lua state in which binding_open has run. */
binding_state *binding_find(lua_State *L);

/* --- boxes ------------------------------------------------------------------------------------------------------- */

/* The userdata of a server, socket or timer begins with a box; the C object of host/ follows it. */
struct binding_box {
    binding_wait *waits;     /* suspended on this object */
    binding_task *taker;     /* the handler that took it from nextPendingConnection and is still at work */
    binding_box *next_taken; /* the next one that the same handler took */
    uint16_t connected;      /* signals for which moonport.connect added handlers */
    uint16_t busy_reading, busy_writing; /* suspended readyRead and bytesWritten handlers */
    bool unseen : 1;                     /* data came while a readyRead handler was suspended */
    bool has_fields : 1;                 /* its user value is a table */
    bool has_handlers : 1;               /* a connection with handlers of its own */
    bool of_run : 1;                     /* made by a script's own run, not in a handler of a connection */
    bool start_staged : 1;               /* a timer or task that starts with the commit */
    bool
        cared_for : 1; /* a server: somebody has asked for its connections, or the log says that nobody does */
    binding_generation *generation; /* whose code made it, or set its handlers last */
    intptr_t unseen_written;        /* the same for bytesWritten */
};

static inline mp_object *binding_object(binding_box *box) {
    return (mp_object *)(box + 1);
}

static inline binding_box *binding_box_of(mp_object *object) {
    return (binding_box *)object - 1;
}

/* Pushes a new, zeroed userdata of `class` with room for a C object of `size`; not initialised yet. */
binding_box *binding_new_box(lua_State *L, binding_state *state, int class, size_t size);

/* The box at `index` if it is a `kind`, else NULL. */
binding_box *binding_test_box(lua_State *L, int index, enum mp_kind kind);

/* The same, but raises a type error. */
binding_box *binding_check_box(lua_State *L, int index, enum mp_kind kind);

#define binding_check(L, type, kind) ((type *)binding_object(binding_check_box(L, 1, kind)))

/* Is the value at `index` a userdata of `class`, whatever its state? */
bool binding_is(lua_State *L, const binding_state *state, int index, int class);

/* The userdata at `index` if it is of `class`, which is none of signal.h's, else raises a type error. */
void *binding_check_userdata(lua_State *L, int index, int class);

/* What every object's finaliser does at last; `anchor` is what it was anchored with before its C object was destroyed. */
void binding_forget(lua_State *L, binding_box *box, int anchor);

/* Keeps the object at `index` alive until nothing can happen on it any more; before any call that may cause signals. */
void binding_anchor(lua_State *L, int index, mp_object *object);

/* Pushes the userdata of an anchored object on `L`; never raises if there is stack. False, and nil is pushed: it is only
   weakly anchored, and collected; its finaliser comes next. */
static inline bool binding_push(lua_State *L, const mp_object *object) {
    int type = lua_rawgeti(L, LUA_REGISTRYINDEX, object->anchor);
    if (type == LUA_TTABLE) {
        type = lua_rawgeti(L, -1, 1); /* a weak anchor, see weaken in generation.c */
        lua_remove(L, -2);
    }
    return type == LUA_TUSERDATA;
}

/* Makes a class's metatable with `methods` (upvalue: the state); the common metamethods come with it. */
void binding_new_class(lua_State *L, binding_state *state, int class, const char *name,
                       const luaL_Reg *methods);

/* Ends the making of an object's class: on the stack the metatable and the methods, both popped. `finish` closes it. */
void binding_finish_class(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                          lua_CFunction to_string, lua_CFunction finish);

/* object.c: adds __index, __newindex and the common methods; on the stack the metatable and the methods, both popped. */
void binding_object_metamethods(lua_State *L, binding_state *state, int class);

/* Pushes the table of a box's fields; false (and something else pushed) if there is none. */
bool binding_push_fields(lua_State *L, int index);

/* The same, but makes it if there is none. */
void binding_make_fields(lua_State *L, binding_state *state, int index);

/* The signal `name` of `kind`; raises if there is none, with the one that was meant, or whose it is. */
enum mp_signal binding_check_signal(lua_State *L, enum mp_kind kind, const char *name);

/* Raises if a function is stored under a name that is nearly a signal's, or the signal of another class, or something else under
   a signal's own. `key` and `value` are stack indices. */
void binding_check_handler(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value);

/* What the bindings let go of when the host does. */
void binding_release(mp_object *object);

/* --- prototypes: what a server's connections have in common --------------------------------------------------------- */

/* Makes the metatable of plain sockets, those without fields; on the stack that of the others and the methods, both popped. */
void binding_new_plain_class(lua_State *L, binding_state *state);

/* Makes the new socket on top a plain one, of `server` if it isn't NULL. */
void binding_set_plain(lua_State *L, const binding_state *state, const mp_tcp_server *server);

/* The socket at `index` is a plain one no longer: it gets the fields on top. */
void binding_end_plain(lua_State *L, const binding_state *state, int index);

/* Checks the table at `index`, which becomes a server's `connection`, and from now on what is put there. */
void binding_adopt_prototype(lua_State *L, binding_state *state, int index);

/* Raises if the prototype of the server at `index` is a class of the script's own in which something stands that no connection
   would see; in another table it couldn't be. */
void binding_check_prototype(lua_State *L, int index);

/* Takes note of the `connection` table of the server at `index`, which has changed or begins to matter. */
void binding_update_prototype(lua_State *L, int index);

/* A server has no connections any more. */
void binding_drop_prototype(mp_tcp_server *server);

/* Has the script put anything into the prototype? To read `server.connection` makes an empty one. */
bool binding_has_prototype(lua_State *L, const mp_listener *listener);

/* --- writing ------------------------------------------------------------------------------------------------------- */

/* Makes what write needs of the state. Raises on lack of memory. */
void binding_open_writing(lua_State *L, binding_state *state);

/* The upcall: strings that were kept are not needed any more. */
void binding_flushed(mp_network *network);

/* --- signals ----------------------------------------------------------------------------------------------------- */

/* The signal `name` of `kind`, or -1. */
int binding_signal(enum mp_kind kind, const char *name);
const char *binding_signal_name(enum mp_signal signal);

/* The upcall: runs the handlers of a signal, then wakes those who wait for it. */
void binding_emit(mp_object *object, enum mp_signal signal, intptr_t argument);

/* The upcall: the same with readyRead for the sockets that have received something. */
void binding_arrived(mp_network *network);

/* Is there a reload of its server that the connection has not been told of? */
static inline bool binding_is_behind(const mp_stream *socket) {
    const mp_listener *listener = socket->listener;
    return listener && listener->server && listener->server->object.epoch != socket->object.epoch;
}

/* Whose a handler is: it belongs to the generation of that. */
enum binding_origin { ORIGIN_NONE, ORIGIN_OBJECT, ORIGIN_PROTOTYPE };

/* Pushes the field's own handler or the prototype's; something else if there is none. The object is at index `self`, the signal's
   name at `name`. */
enum binding_origin binding_push_handler(lua_State *L, mp_object *object, int self, int name);

/* The task is about to run a handler. */
void binding_begin_handler(binding_task *task, mp_object *object, enum mp_signal signal,
                           enum binding_origin origin);

/* moonport.connect, moonport.disconnect and the Connection class. */
void binding_open_connections(lua_State *L, binding_state *state);

/* --- tasks: handlers and spawned functions as pooled coroutines --------------------------------------------------- */

enum { WAIT_RUNNING, WAIT_READY, WAIT_TIMED_OUT, WAIT_CANCELLED };

/* What a task waits for. `test` says whether a signal of `object` ends it. */
struct binding_wait {
    binding_wait *next;
    binding_task *task; /* NULL: the main program of a plain Lua, which drives the loop itself */
    mp_loop *loop;
    mp_object *object; /* NULL: only time */
    bool (*test)(const binding_wait *wait);
    bool lets_close;  /* waits for the end: the waiting handler doesn't hold it up (D4) */
    uint32_t signals; /* those that are worth a test */
    uint64_t mark;    /* counter at the start */
    mp_delay delay;
    int outcome;
};

struct binding_task {
    mp_ring link; /* in state->tasks */
    binding_state *state;
    lua_State *co;
    int co_reference;
    binding_task *next_spare;
    bool suspended; /* has waited: counts as alive, and as at work on `on` */
    bool entered;  /* its coroutine is being run, reported or closed: only its doom can be sealed meanwhile */
    bool working;  /* counted in on->at_work (D4) */
    bool doomed;   /* to be cancelled as soon as it waits */
    bool of_run;   /* part of the script's own run */
    bool of_batch; /* its handler is called by arrivals.c */
    bool sliced;   /* interrupted by its hook: goes on in the next turn */
    bool reporting; /* runs onError's function */
    bool quiet;     /* its owner tells of its errors */
    binding_generation *generation;
    mp_object *on; /* the object of the handler's signal */
    enum mp_signal signal;
    binding_box *taken; /* sockets that it took from nextPendingConnection */
    void *owner;        /* of `ended` */
    /* Called once it has ended, from the loop: `count` results or an error value are on top of its stack. Not for handlers. */
    void (*ended)(binding_task *task, int status, int count);
    binding_wait wait;
};

/* A task for a handler, with an empty stack that has LUA_MINSTACK slots; the caller sets what it runs on, and `generation`.
   NULL on lack of memory. */
binding_task *binding_take_task(binding_state *state);

/* A handler of the task, which runs several, has returned, or there was none: whatever there is to do after one. */
void binding_end_handler(binding_task *task);

/* Takes back a task that has ended well or never begun. */
void binding_give_back(binding_task *task);

/* A task for the function and `arguments` on top of L's stack, which are popped; NULL on lack of memory. */
binding_task *binding_new_task(binding_state *state, lua_State *L, int arguments);

/* Runs a task until it waits or ends. From the loop only. */
void binding_resume(binding_task *task, int arguments);

/* Ends a suspended task: closes its variables, which runs code of the script. One that runs ends where it would wait. */
void binding_cancel(binding_task *task);

/* Ends a task that has never run. */
void binding_discard(binding_task *task);

/* Frees all tasks; their coroutines go with the Lua state. */
void binding_free_tasks(binding_state *state);

/* Notes that the running task took `socket` from nextPendingConnection. */
void binding_taken(binding_state *state, binding_box *box);

/* Forgets a socket that vanishes or whose handler has ended. */
void binding_untaken(binding_box *box);

/* moonport.spawn and the Task class. */
void binding_open_tasks(lua_State *L, binding_state *state);

/* --- waits ------------------------------------------------------------------------------------------------------- */

/* What a wait is for. */
typedef struct binding_wait_request {
    mp_object *object; /* whose userdata is at index 1; NULL: only time */
    bool (*test)(const binding_wait *wait);
    uint32_t signals;
    uint64_t mark;
    bool lets_close;
    double msec; /* negative or infinite: for ever */
} binding_wait_request;

/*
 * Suspends the caller until `test` is true after one of `signals` or until the time is up, then calls and returns `k`,
 * which finds how it ended with binding_outcome. Raises "cannot wait here" where a C function or a coroutine of the
 * script's own stands in between. A C function that calls it returns its result.
 */
int binding_suspend(lua_State *L, const binding_wait_request *request, lua_KFunction k, lua_KContext context);

/* A spawned task's start at the commit of its generation, and its end. */
void binding_start_spawned(mp_object *object);
void binding_cancel_spawned(mp_object *object);

/* How the last wait of the caller ended. */
int binding_outcome(lua_State *L);

/* Ends the waits on `object` that one of `signals` satisfies. */
void binding_wake(mp_object *object, uint32_t signals);

/* Ends a wait without regard to its test. */
void binding_end_wait(binding_wait *wait, int outcome);

/* Ends the waits on `object` from the loop, as if their time were up: for an end that no signal tells. */
void binding_expire_waits(mp_object *object);

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* nil, "what: text", code */
int binding_fail(lua_State *L, const char *what, enum mp_fault fault);

/* true, or the above */
int binding_result(lua_State *L, const char *what, enum mp_fault fault);

/* Logs the error of a task (its message is on top of its stack) with a traceback, calls onError's function, and
   aborts the connection that it happened on. Never raises. */
void binding_report(binding_task *task, int status);

/* Pushes the message of the error value at index -1 of `from`, with a traceback, onto L. May raise. */
void binding_push_error(lua_State *L, lua_State *from, bool traceback);

/* Keeps the function or nil at index 1 in a registry reference. */
int binding_set_reference(lua_State *L, int *reference);

/* --- arguments --------------------------------------------------------------------------------------------------- */

/* An address: text or HostAddress; "localhost" where a name is allowed. Raises if it is none. */
void binding_check_address(lua_State *L, int index, mp_address *address);

/* A port; raises an error that begins with `what`, the method's name. */
uint16_t binding_check_port(lua_State *L, int index, const char *what);

/* Milliseconds to wait: -1 or infinite is for ever, another negative number has passed, 0; `otherwise` if there is none. */
double binding_check_msec(lua_State *L, int index, double otherwise);

/* Bytes, or another count that is not negative. */
size_t binding_check_size(lua_State *L, int index, const char *what);

/* A byte: a string of one, or a number from 0 to 255. */
char binding_check_byte(lua_State *L, int index);

/* A name of Qt's for a bit, or several, of a flags argument; the end of a list has no name. */
typedef struct binding_flag {
    const char *name;
    int value;
} binding_flag;

/* The flags that an argument names: "ReadOnly", or several joined by '|', "ReadOnly|Text". Raises for an unknown one. */
int binding_check_flags(lua_State *L, int index, const binding_flag *flags, const char *what);
int binding_check_open_mode(lua_State *L, int index, int otherwise);
void binding_push_open_mode(lua_State *L, int open_mode);
enum mp_protocol binding_check_protocol(lua_State *L, int index);
const char *binding_state_name(int state);
void binding_push_address(lua_State *L, const mp_address *address);
const char *binding_protocol_name(int protocol);

/* "127.0.0.1:7000", "[::1]:7000" or "any:7000" into `text`; returns it. */
#define BINDING_ENDPOINT (MP_ADDRESS_TEXT + 16)
const char *binding_endpoint(char *text, const mp_address *address, uint16_t port);

/* --- classes ----------------------------------------------------------------------------------------------------- */

void binding_open_tcp_server(lua_State *L, binding_state *state);
void binding_open_tcp_socket(lua_State *L, binding_state *state);
void binding_open_timer(lua_State *L, binding_state *state);
void binding_open_host_address(lua_State *L, binding_state *state);

/* Pushes a fresh socket, of `server` if it isn't NULL. */
mp_tcp_socket *binding_push_new_socket(lua_State *L, binding_state *state, const mp_tcp_server *server);

/* The limits of the server at index 1. */
mp_limits *binding_server_limits(lua_State *L);

/* Methods of a class that stand in files of their own. */
extern const luaL_Reg binding_server_limit_methods[], binding_socket_limit_methods[], binding_socket_device[],
    binding_socket_reading[], binding_socket_writing[], binding_socket_waiting[];

#endif
