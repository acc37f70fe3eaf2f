/*
 * moonport.Process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PROCESS_H
#define BINDING_PROCESS_H

#include "net/process.h"
#include "object/state.h"

enum { BINDING_MOST_RESOURCES = 16 };

/* What the program gives to a process of its own kind, see mp_spawn. */
typedef struct binding_given {
    int passed, channel, parting;
} binding_given;

/* A process, and how scripts have set it up. */
typedef struct binding_process {
    mp_process process;                       /* first */
    uint8_t channel_mode, input_mode, append; /* append: a bit for each standard descriptor */
    int settings; /* reference of a table with the rest; LUA_NOREF: there is none. See process_settings.c */
    const binding_given *given; /* what a worker of the program gets beside; NULL: nothing */
    mp_resource_limit *limits;  /* room for BINDING_MOST_RESOURCES, or NULL */
    size_t limit_count;
} binding_process;

#define binding_check_process(L, parameters) binding_check(L, parameters, binding_process, MP_PROCESS)

void binding_open_process(lua_State *L, binding_state *state);

/* Pushes moonport.Process. `generation` is the index of the module's handle. */
void binding_push_process_class(lua_State *L, binding_state *state, int generation);

/* Pushes the arguments of a signal that only processes have: an enum mp_signal_argument. */
void binding_push_process_argument(lua_State *L, int kind, intptr_t argument);

/* --- process_exit.c --------------------------------------------------------------------------------------
   */

/* A signal's name at `index`, "SIGTERM". Returns its number. */
int binding_check_exit_signal(lua_State *L, int index);

/* The reverse; NULL: this library has no name for it. */
const char *binding_exit_signal_name(int number);

/* Pushes an exit status, or the signal's number; "NormalExit" or "CrashExit"; and that signal's name.
   Returns their number. */
int binding_push_exit(lua_State *L, mp_exit how);

/* --- process_settings.c --------------------------------------------------------------------------------- */

/* Keys of the settings, the last of which are those of the files of the standard descriptors. */
#define BINDING_SETTING_PROGRAM "program"
#define BINDING_SETTING_ARGUMENTS "arguments"
#define BINDING_SETTING_ENVIRONMENT "environment"
#define BINDING_SETTING_FOLDER "folder"
extern const char *const binding_setting_files[];

/* Values of channel_mode and input_mode. */
enum {
    BINDING_SEPARATE,
    BINDING_MERGED,
    BINDING_FORWARDED,
    BINDING_FORWARDED_OUTPUT,
    BINDING_FORWARDED_ERROR
};
enum { BINDING_MANAGED_INPUT, BINDING_FORWARDED_INPUT };

/* Pushes a setting, or nil. Returns its type. */
int binding_push_setting(lua_State *L, const binding_process *self, const char *key);

/* Pushes the program that is set, or "". */
const char *binding_push_program(lua_State *L, const binding_process *self);

/* The program at `index` and the list of arguments behind it, if they are there, become the process'. */
void binding_set_program(lua_State *L, binding_process *self, int index);

/* Pushes a list of the words of the command at `index`. They are separated by white space; double quotes
   group; three of them are one. */
void binding_push_words(lua_State *L, int index);

/* Functions of the class: splitCommand, systemEnvironment. */
int binding_process_split_command(lua_State *L);
int binding_process_system_environment(lua_State *L);

/* --- process_start.c -------------------------------------------------------------------------------------
   */

/* A new process, which is pushed. Upvalues as of all functions of the module. */
binding_process *binding_push_new_process(lua_State *L);

/* It shall have the standard descriptors of this process. */
void binding_forward_all(binding_process *self);

/* Starts it as the settings say; it is at index 1. Pushes true, or nil, message, code. Returns their number.
   */
int binding_start_process(lua_State *L, binding_process *self, const char *what, int open_mode);

/* The process at `index` gets this when it is started, in this process' own group. `given` stays the
   caller's. */
void binding_give_process(lua_State *L, int index, const binding_given *given);

/* Starts it without being its parent. Pushes its pid, or nil, message, code. */
int binding_start_detached(lua_State *L, binding_process *self);

/* --- others ----------------------------------------------------------------------------------------------
   */

/* The names of enum mp_process_channel; the last is NULL. */
extern const char *const binding_channel_names[];

/* Methods that are in other files. */
extern const luaL_Reg binding_process_settings[], binding_process_waiting[], binding_process_channels[];

/* execute, for the class; in process_wait.c */
int binding_process_execute(lua_State *L);

#endif
