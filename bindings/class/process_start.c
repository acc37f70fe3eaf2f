/*
 * Making a Process, and starting its program as it has been set up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/process.h"
#include "object/box.h"
#include "object/generation.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/suggestion.h"

binding_process *binding_push_new_process(lua_State *L) {
    binding_state *state = binding_state_of(L);
    binding_box *box = binding_new_box(L, state, MP_PROCESS, sizeof(binding_process));
    binding_process *self = (binding_process *)binding_object(box);
    self->settings = LUA_NOREF;
    binding_set_plain(L, state, MP_PROCESS, NULL);
    int result = mp_process_init(&self->process, mp_network_of(state->loop));
    binding_made(L, -1);
    if (result < 0)
        luaL_error(L, "Process: out of memory");
    return self;
}

/* --- what the system takes ------------------------------------------------------------------------------ */

/* Pushes the `count` texts of the list on top in the form that a system call takes, an array of pointers that
   ends with NULL. It replaces the list, and holds it. */
static char **push_pointers(lua_State *L, size_t count) {
    char **pointers = lua_newuserdatauv(L, (count + 1) * sizeof *pointers, 1);
    lua_insert(L, -2);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        pointers[i] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    pointers[count] = NULL;
    lua_setiuservalue(L, -2, 1);
    return pointers;
}

/* Pushes the program and its arguments. */
static char **push_arguments(lua_State *L, const binding_process *self) {
    lua_Integer count = 0;
    lua_newtable(L);
    int all = lua_gettop(L);
    (void)binding_push_program(L, self);
    lua_rawseti(L, all, ++count);
    if (binding_push_setting(L, self, BINDING_SETTING_ARGUMENTS) == LUA_TTABLE)
        for (lua_Integer i = 1; lua_rawgeti(L, all + 1, i) == LUA_TSTRING; i++)
            lua_rawseti(L, all, ++count);
    lua_settop(L, all);
    return push_pointers(L, (size_t)count);
}

/* Pushes the environment; NULL and nil: this process' own. */
static char **push_environment(lua_State *L, const binding_process *self) {
    lua_Integer count = 0;
    if (binding_push_setting(L, self, BINDING_SETTING_ENVIRONMENT) != LUA_TTABLE)
        return NULL;
    int variables = lua_gettop(L);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, variables);) {
        lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
        lua_rawseti(L, variables + 1, ++count);
        lua_pop(L, 1);
    }
    return push_pointers(L, (size_t)count);
}

void binding_forward_all(binding_process *self) {
    self->channel_mode = BINDING_FORWARDED;
    self->input_mode = BINDING_FORWARDED_INPUT;
}

static bool is_forwarded(const binding_process *self, int number) {
    switch (self->channel_mode) {
    case BINDING_FORWARDED: return number > 0;
    case BINDING_FORWARDED_OUTPUT: return number == 1;
    case BINDING_FORWARDED_ERROR: return number == 2;
    default: return false;
    }
}

/* Pushes the path of a file, or nil. */
static mp_standard push_standard(lua_State *L, const binding_process *self, int number, int open_mode) {
    bool append = self->append >> number & 1;
    int way = number == 0 ? MP_WRITE_ONLY : MP_READ_ONLY;
    bool merged = number == 2 && self->channel_mode == BINDING_MERGED;
    if (binding_push_setting(L, self, binding_setting_files[number]) == LUA_TSTRING && !merged)
        return (mp_standard){MP_STANDARD_FILE, lua_tostring(L, -1), append};
    if (merged)
        return (mp_standard){.kind = MP_STANDARD_MERGED};
    if (number == 0 ? self->input_mode == BINDING_FORWARDED_INPUT : is_forwarded(self, number))
        return (mp_standard){.kind = MP_STANDARD_FORWARDED};
    if (!(open_mode & way))
        return (mp_standard){.kind = MP_STANDARD_FILE, .path = "/dev/null"};
    return (mp_standard){.kind = MP_STANDARD_PIPE};
}

static void push_start(lua_State *L, binding_process *self, int open_mode, mp_process_start *start) {
    luaL_checkstack(L, 16, NULL);
    *start = (mp_process_start){.open_mode = open_mode};
    start->spawn.program = binding_push_program(L, self);
    start->spawn.arguments = push_arguments(L, self);
    start->spawn.environment = push_environment(L, self);
    if (binding_push_setting(L, self, BINDING_SETTING_FOLDER) == LUA_TSTRING)
        start->spawn.folder = lua_tostring(L, -1);
    for (int i = 0; i < 3; i++)
        start->standard[i] = push_standard(L, self, i, open_mode);
    start->spawn.limits = self->limits;
    start->spawn.limit_count = self->limit_count;
    start->spawn.own_group = start->standard[0].kind != MP_STANDARD_FORWARDED && !self->given;
    if (self->given) {
        start->spawn.passed = self->given->passed;
        start->spawn.channel = self->given->channel;
        start->spawn.parting = self->given->parting;
    }
}

void binding_give_process(lua_State *L, int index, const binding_given *given) {
    binding_box *box = binding_test_box(L, index, MP_PROCESS);
    luaL_argcheck(L, box, index, "a process expected");
    ((binding_process *)binding_object(box))->given = given;
}

/* --- the start ------------------------------------------------------------------------------------------ */

int binding_start_process(lua_State *L, binding_process *self, const char *what, int open_mode) {
    mp_stream *stream = &self->process.tcp.stream;
    mp_process_start start;
    int top = lua_gettop(L);
    push_start(L, self, open_mode, &start);
    binding_anchor(L, 1, &stream->object);
    enum mp_fault fault = mp_process_start_program(&self->process, &start);
    if (fault == MP_FAULT_NONE) {
        binding_box_of(&stream->object)->unseen = false;
        binding_box_of(&stream->object)->unseen_written = 0;
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_settop(L, top);
    lua_pushfstring(L, "%s %s", what, binding_shown(L, binding_push_program(L, self)));
    return binding_fail_of(L, lua_tostring(L, -1), stream, fault);
}

int binding_start_detached(lua_State *L, binding_process *self) {
    mp_process_start start;
    pid_t pid;
    int top = lua_gettop(L);
    push_start(L, self, MP_READ_WRITE, &start);
    enum mp_fault fault = mp_process_start_detached(&self->process, &start, &pid);
    lua_settop(L, top);
    if (fault == MP_FAULT_NONE) {
        lua_pushinteger(L, pid);
        return 1;
    }
    lua_pushfstring(L, "startDetached %s", binding_shown(L, binding_push_program(L, self)));
    return binding_fail_of(L, lua_tostring(L, -1), &self->process.tcp.stream, fault);
}
