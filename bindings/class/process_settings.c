/*
 * How a Process starts: what QProcess has as properties. Texts and tables are in a Lua table,
 * which has no way back to the process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "object/arguments.h"
#include "object/box.h"
#include "object/suggestion.h"
#include "object/surplus.h"

#define PROGRAM BINDING_SETTING_PROGRAM
#define ARGUMENTS BINDING_SETTING_ARGUMENTS
#define ENVIRONMENT BINDING_SETTING_ENVIRONMENT
#define FOLDER BINDING_SETTING_FOLDER

const char *const binding_setting_files[] = {"input", "output", "error"};

/* The system takes fewer arguments and environment variables than this. */
#define MOST_STRINGS (1 << 20)

/* --- the table ------------------------------------------------------------------------------------------ */

int binding_push_setting(lua_State *L, const binding_process *self, const char *key) {
    if (self->settings == LUA_NOREF) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->settings);
    lua_pushstring(L, key);
    int type = lua_rawget(L, -2);
    lua_remove(L, -2);
    return type;
}

/* Sets it to the value on top, which is popped. */
static void set_setting(lua_State *L, binding_process *self, const char *key) {
    if (self->settings == LUA_NOREF) {
        lua_newtable(L);
        self->settings = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->settings);
    lua_pushstring(L, key);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

/* A text without zero bytes, where the system would cut it. */
static const char *check_text(lua_State *L, int index, const char *what) {
    size_t size;
    const char *text = luaL_checklstring(L, index, &size);
    if (strlen(text) != size)
        luaL_argerror(L, index, lua_pushfstring(L, "%s can't have a zero byte", what));
    return text;
}

/* A getter of a text, and its setter. "" or nil: none. */
static int get_text(lua_State *L, const char *key) {
    if (binding_push_setting(L, binding_check_process(L, 0), key) == LUA_TNIL)
        lua_pushliteral(L, "");
    return 1;
}

static int set_text(lua_State *L, const char *key, const char *what) {
    binding_process *self = binding_check_process(L, 1);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2) && !*check_text(L, 2, what)) {
        lua_pushnil(L);
        lua_replace(L, 2);
    }
    set_setting(L, self, key);
    return 0;
}

/* --- the program ---------------------------------------------------------------------------------------- */

/* Pushes a copy of the list of texts at `index`; raises for anything else. */
static void push_list(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    luaL_argcheck(L, count <= MOST_STRINGS, index, "too many arguments");
    lua_createtable(L, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        int type = lua_rawgeti(L, index, (lua_Integer)i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER)
            luaL_argerror(L, index, "a list of strings expected");
        (void)lua_tostring(L, -1);
        if (strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))
            luaL_argerror(L, index, "an argument can't have a zero byte");
        lua_rawseti(L, -2, (lua_Integer)i);
    }
}

const char *binding_push_program(lua_State *L, const binding_process *self) {
    if (binding_push_setting(L, self, PROGRAM) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushliteral(L, "");
    }
    return lua_tostring(L, -1);
}

void binding_set_program(lua_State *L, binding_process *self, int index) {
    if (lua_isnoneornil(L, index))
        return;
    (void)check_text(L, index, "a program");
    if (lua_isnoneornil(L, index + 1))
        lua_newtable(L);
    else
        push_list(L, index + 1);
    lua_pushvalue(L, index);
    set_setting(L, self, PROGRAM);
    set_setting(L, self, ARGUMENTS);
}

/* process:setProgram(program) */
static int process_set_program(lua_State *L) {
    return set_text(L, PROGRAM, "a program");
}

/* process:program() -> text, "" if there is none */
static int process_program(lua_State *L) {
    return get_text(L, PROGRAM);
}

/* process:setArguments(list) */
static int process_set_arguments(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    push_list(L, 2);
    set_setting(L, self, ARGUMENTS);
    return 0;
}

/* process:arguments() -> list */
static int process_arguments(lua_State *L) {
    if (binding_push_setting(L, binding_check_process(L, 0), ARGUMENTS) == LUA_TNIL)
        lua_newtable(L);
    else
        push_list(L, lua_gettop(L));
    return 1;
}

/* Quotes begin at `text`. Returns what is behind them. */
static const char *add_quotes(luaL_Buffer *word, const char *text, bool *quoted) {
    size_t count = strspn(text, "\"");
    for (size_t i = 0; i < count / 3; i++)
        luaL_addchar(word, '"');
    if (count % 3 % 2 == 1)
        *quoted = !*quoted;
    return text + count;
}

void binding_push_words(lua_State *L, int index) {
    const char *text = check_text(L, index, "a command");
    lua_Integer count = 0;
    lua_newtable(L);
    int words = lua_gettop(L);
    for (;;) {
        text += strspn(text, " \t\n\v\f\r");
        if (!*text)
            return;
        luaL_Buffer word;
        bool quoted = false;
        luaL_buffinit(L, &word);
        while (*text && (quoted || !strchr(" \t\n\v\f\r", *text))) {
            if (*text == '"')
                text = add_quotes(&word, text, &quoted);
            else
                luaL_addchar(&word, *text++);
        }
        luaL_pushresult(&word);
        lua_rawseti(L, words, ++count);
    }
}

/* Process.splitCommand(command) -> list */
int binding_process_split_command(lua_State *L) {
    binding_takes(L, 1);
    binding_push_words(L, 1);
    return 1;
}

/* --- the environment ------------------------------------------------------------------------------------ */

int binding_process_system_environment(lua_State *L) {
    binding_takes(L, 0);
    lua_newtable(L);
    for (char **variable = environ; *variable; variable++) {
        size_t size = strcspn(*variable, "=");
        if ((*variable)[size] != '=')
            continue;
        lua_pushlstring(L, *variable, size);
        lua_pushstring(L, *variable + size + 1);
        lua_rawset(L, -3);
    }
    return 1;
}

/* Pushes a copy of the table of variables at `index`. */
static void push_variables(lua_State *L, int index) {
    lua_newtable(L);
    int copy = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, index);) {
        int type = lua_type(L, -1);
        if (lua_type(L, -2) != LUA_TSTRING || (type != LUA_TSTRING && type != LUA_TNUMBER))
            luaL_argerror(L, index, "names and values of variables must be strings");
        const char *name = lua_tostring(L, -2);
        if (!*name || strchr(name, '=') || strlen(name) != lua_rawlen(L, -2))
            luaL_argerror(L, index,
                          lua_pushfstring(L, "'%s' can't be the name of a variable", binding_shown(L, name)));
        if (strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))
            luaL_argerror(L, index, "a variable can't have a zero byte");
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, copy);
    }
}

/* process:setProcessEnvironment(table or nil); nil: this process' own */
static int process_set_process_environment(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        push_variables(L, 2);
    }
    set_setting(L, self, ENVIRONMENT);
    return 0;
}

/* process:processEnvironment() -> table, or nil: this process' own */
static int process_process_environment(lua_State *L) {
    if (binding_push_setting(L, binding_check_process(L, 0), ENVIRONMENT) == LUA_TTABLE)
        push_variables(L, lua_gettop(L));
    return 1;
}

/* --- the working directory, and files ------------------------------------------------------------------- */

/* process:setWorkingDirectory(path or nil) */
static int process_set_working_directory(lua_State *L) {
    return set_text(L, FOLDER, "a path");
}

/* process:workingDirectory() -> path, "" for this process' own */
static int process_working_directory(lua_State *L) {
    return get_text(L, FOLDER);
}

/* process:setStandardInputFile(path or nil) */
static int process_set_standard_input_file(lua_State *L) {
    return set_text(L, binding_setting_files[0], "a path");
}

static const char *const write_modes[] = {"Truncate", "Append", NULL};

static int set_output_file(lua_State *L, int number) {
    binding_process *self = binding_check_process(L, 2);
    int append = lua_isnoneornil(L, 3) ? 0
                                       : binding_check_name(L, 3, "mode", binding_listed_name, write_modes);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2))
        (void)check_text(L, 2, "a path");
    self->append = (uint8_t)((self->append & ~(1 << number)) | append << number);
    set_setting(L, self, binding_setting_files[number]);
    return 0;
}

/* process:setStandardOutputFile(path or nil[, "Truncate" or "Append"]) */
static int process_set_standard_output_file(lua_State *L) {
    return set_output_file(L, 1);
}

/* process:setStandardErrorFile(path or nil[, "Truncate" or "Append"]) */
static int process_set_standard_error_file(lua_State *L) {
    return set_output_file(L, 2);
}

/* --- channel modes -------------------------------------------------------------------------------------- */

static const char *const channel_modes[] = {"SeparateChannels",      "MergedChannels",
                                            "ForwardedChannels",     "ForwardedOutputChannel",
                                            "ForwardedErrorChannel", NULL};

static const char *const input_modes[] = {"ManagedInputChannel", "ForwardedInputChannel", NULL};

/* process:setProcessChannelMode("SeparateChannels" …); for the next start */
static int process_set_process_channel_mode(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    self->channel_mode = (uint8_t)binding_check_name(L, 2, "channel mode", binding_listed_name,
                                                     channel_modes);
    return 0;
}

/* process:processChannelMode() -> "SeparateChannels" … */
static int process_process_channel_mode(lua_State *L) {
    lua_pushstring(L, channel_modes[binding_check_process(L, 0)->channel_mode]);
    return 1;
}

/* process:setInputChannelMode("ManagedInputChannel" or "ForwardedInputChannel"); for the next start */
static int process_set_input_channel_mode(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    self->input_mode = (uint8_t)binding_check_name(L, 2, "channel mode", binding_listed_name, input_modes);
    return 0;
}

/* process:inputChannelMode() -> "ManagedInputChannel" or "ForwardedInputChannel" */
static int process_input_channel_mode(lua_State *L) {
    lua_pushstring(L, input_modes[binding_check_process(L, 0)->input_mode]);
    return 1;
}

/* --- resources ------------------------------------------------------------------------------------------ */

static const char *name_of_resource(const void *list, int i) {
    (void)list;
    return mp_system_resource_name(i);
}

/* A number that isn't negative, or "unlimited". */
static uint64_t check_limit(lua_State *L, int index) {
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
    if (text && strcmp(text, "unlimited") == 0)
        return MP_RESOURCE_UNLIMITED;
    lua_Integer value = luaL_checkinteger(L, index);
    luaL_argcheck(L, value >= 0, index, "a limit is not negative");
    return (uint64_t)value;
}

/* process:setResourceLimit(name, soft[, hard = soft]), of setrlimit(2): "nofile" …; for the next start */
static int process_set_resource_limit(lua_State *L) {
    binding_process *self = binding_check_process(L, 3);
    const char *name = luaL_checkstring(L, 2);
    int resource = mp_system_resource(name);
    if (resource < 0)
        binding_raise_unknown(L, 2, "resource", name, name_of_resource, NULL);
    uint64_t soft = check_limit(L, 3), hard = lua_isnoneornil(L, 4) ? soft : check_limit(L, 4);
    luaL_argcheck(L, soft <= hard, 4, "it is below the soft limit");
    if (!self->limits && !(self->limits = calloc(BINDING_MOST_RESOURCES, sizeof *self->limits)))
        return luaL_error(L, "setResourceLimit: out of memory");
    size_t i = 0;
    while (i < self->limit_count && self->limits[i].resource != resource)
        i++;
    if (i == BINDING_MOST_RESOURCES)
        return luaL_error(L, "setResourceLimit: too many resources");
    self->limits[i] = (mp_resource_limit){resource, soft, hard};
    if (i == self->limit_count)
        self->limit_count++;
    return 0;
}

const luaL_Reg binding_process_settings[] = {
    {"setProgram", process_set_program},
    {"program", process_program},
    {"setArguments", process_set_arguments},
    {"arguments", process_arguments},
    {"setProcessEnvironment", process_set_process_environment},
    {"processEnvironment", process_process_environment},
    {"setWorkingDirectory", process_set_working_directory},
    {"workingDirectory", process_working_directory},
    {"setStandardInputFile", process_set_standard_input_file},
    {"setStandardOutputFile", process_set_standard_output_file},
    {"setStandardErrorFile", process_set_standard_error_file},
    {"setProcessChannelMode", process_set_process_channel_mode},
    {"processChannelMode", process_process_channel_mode},
    {"setInputChannelMode", process_set_input_channel_mode},
    {"inputChannelMode", process_input_channel_mode},
    {"setResourceLimit", process_set_resource_limit},
    {NULL, NULL},
};
