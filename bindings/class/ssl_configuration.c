/*
 * The settings of TLS, as a table of options that is checked when a configuration is made of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_configuration.h"

#include <string.h>

#include "object/arguments.h"
#include "object/box.h"
#include "object/class.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "object/surplus.h"

/* More names, keys or protocols are none that somebody has written. */
#define MOST_ENTRIES 100000

/* --- the options ---------------------------------------------------------------------------------------- */

static const binding_flag versions[] = {{"TlsV1_2", 0x0303}, {"TlsV1_3", 0x0304}, {NULL, 0}};

const binding_flag binding_verify_modes[] = {{"VerifyNone", MP_VERIFY_NONE},
                                             {"QueryPeer", MP_QUERY_PEER},
                                             {"VerifyPeer", MP_VERIFY_PEER},
                                             {"AutoVerifyPeer", MP_AUTO_VERIFY_PEER},
                                             {NULL, 0}};

/* The value on top as one of the names. */
static int check_name(lua_State *L, const char *option, const binding_flag *flags) {
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (!name)
        return luaL_error(L, "SslConfiguration: %s must be a string, not a %s", option, luaL_typename(L, -1));
    for (const binding_flag *one = flags; one->name; one++)
        if (strcmp(one->name, name) == 0)
            return one->value;
    const char *nearest = binding_nearest(name, binding_flag_name, flags);
    return nearest ? luaL_error(L, "SslConfiguration: %s can't be '%s'; did you mean '%s'?", option,
                                binding_shown(L, name), nearest)
                   : luaL_error(L, "SslConfiguration: %s can't be '%s'", option, binding_shown(L, name));
}

/* The value on top as text without zero bytes. */
static const char *check_text(lua_State *L, const char *option) {
    size_t size = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (!text || strlen(text) != size)
        luaL_error(L, "SslConfiguration: %s must be a text, not a %s", option,
                   text ? "string with a zero byte" : luaL_typename(L, -1));
    return text;
}

static bool check_boolean(lua_State *L, const char *option) {
    if (!lua_isboolean(L, -1))
        luaL_error(L, "SslConfiguration: %s must be a boolean, not a %s", option, luaL_typename(L, -1));
    return lua_toboolean(L, -1);
}

/* Larger ones are as good as `most`. */
static lua_Integer check_number(lua_State *L, const char *option, lua_Integer most) {
    int whole;
    lua_Integer number = lua_tointegerx(L, -1, &whole);
    if (!whole || number < 0)
        luaL_error(L, "SslConfiguration: %s must be a whole number, and not negative", option);
    return number < most ? number : most;
}

/* A list may be a table of strings, or one string. The text stands on top, in place of the value. */
static const char *check_list(lua_State *L, const char *option) {
    if (!lua_istable(L, -1))
        return check_text(L, option);
    int list = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = 1;; i++) {
        int type = lua_rawgeti(L, list, i);
        if (type == LUA_TNIL)
            break;
        if (type != LUA_TSTRING)
            luaL_error(L, "SslConfiguration: %s must be a list of strings", option);
        if (i > 1) {
            lua_pushliteral(L, ":");
            lua_insert(L, -2);
            lua_concat(L, 2);
        }
        luaL_addvalue(&buffer);
    }
    lua_pop(L, 1);
    luaL_pushresult(&buffer);
    lua_replace(L, list);
    return check_text(L, option);
}

/* ALPN: each name after its length. Replaces the value on top by these bytes. */
static void check_protocols(lua_State *L, const char *option, mp_tls_options *options) {
    int list = lua_gettop(L);
    if (!lua_istable(L, list))
        luaL_error(L, "SslConfiguration: %s must be a list of strings, not a %s", option,
                   luaL_typename(L, list));
    lua_pushliteral(L, "");
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) != LUA_TNIL; i++) {
        size_t size = 0;
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
        if (!name || size == 0 || size > 255 || i > 1000)
            luaL_error(L, "SslConfiguration: %s: a protocol's name has 1 to 255 bytes", option);
        lua_pushfstring(L, "%c", (int)(unsigned char)size);
        lua_insert(L, -2);
        lua_concat(L, 3);
    }
    lua_pop(L, 1);
    options->alpn = lua_tolstring(L, -1, &options->alpn_size);
    lua_replace(L, list);
}

/* A table from strings at the top: how many. */
static size_t count_entries(lua_State *L, const char *option) {
    size_t count = 0;
    if (!lua_istable(L, -1))
        luaL_error(L, "SslConfiguration: %s must be a table, not a %s", option, luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || ++count > MOST_ENTRIES)
            luaL_error(L, "SslConfiguration: the keys of %s are strings", option);
    }
    return count;
}

/* What is read of a table: memory and values that the options refer to stay on the stack, in `kept`. */
typedef struct option_reader {
    mp_tls_options options;
    int kept; /* stack index of a table; behind it the function that gives the passphrase, or nil */
    mp_tls_message *message;
    bool failed;
} option_reader;

/* Keeps the value on top until the options are used; pops it. */
static void keep(lua_State *L, const option_reader *reader) {
    lua_rawseti(L, reader->kept, (lua_Integer)lua_rawlen(L, reader->kept) + 1);
}

static void read_keys(lua_State *L, const char *option, option_reader *reader) {
    size_t count = count_entries(L, option), i = 0;
    mp_tls_psk *psks = lua_newuserdatauv(L, (count + 1) * sizeof *psks, 0);
    keep(L, reader);
    for (lua_pushnil(L); lua_next(L, -2); i++) {
        size_t size = 0;
        psks[i].identity = lua_tostring(L, -2);
        psks[i].key = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
        if (!psks[i].key || size == 0 || size > 512)
            luaL_error(L, "SslConfiguration: %s: a key has 1 to 512 bytes", option);
        psks[i].key_size = size;
        keep(L, reader);
    }
    reader->options.psks = psks;
    reader->options.psk_count = count;
}

static void read_names(lua_State *L, const char *option, option_reader *reader) {
    size_t count = count_entries(L, option), i = 0;
    mp_tls_name *names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
    keep(L, reader);
    for (lua_pushnil(L); !reader->failed && lua_next(L, -2); i++) {
        mp_tls_message message;
        names[i].name = lua_tostring(L, -2);
        names[i].configuration = binding_check_configuration(L, lua_gettop(L), &message);
        if (!names[i].configuration) {
            mp_tls_say(reader->message, "%s['%s']: %s", option, names[i].name, message.text);
            reader->failed = true;
        }
        keep(L, reader);
    }
    reader->options.names = names;
    reader->options.name_count = count;
    if (reader->failed)
        lua_pop(L, 1); /* the key of that name */
}

/* The passphrase may be a function, which is asked now, and again when the key is read again. What it says
   isn't kept. */
static const char *read_passphrase(lua_State *L, const char *option, option_reader *reader) {
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushvalue(L, -1);
        lua_replace(L, reader->kept + 1);
        lua_call(L, 0, 1);
        reader->options.forgets_passphrase = true;
    }
    return check_text(L, option);
}

enum option_kind {
    TEXT,
    LIST,
    PASSPHRASE,
    VERSION,
    MODE,
    DEPTH,
    TIME,
    TICKETS,
    REQUIRE,
    STAPLING,
    ALPN,
    KEYS,
    NAMES
};

static const struct {
    const char *name;
    uint8_t kind, number;
} table[] = {
    {"certificate", TEXT, MP_TLS_CERTIFICATE},
    {"key", TEXT, MP_TLS_KEY},
    {"passphrase", PASSPHRASE, MP_TLS_PASSPHRASE},
    {"caCertificates", TEXT, MP_TLS_CA_CERTIFICATES},
    {"crl", TEXT, MP_TLS_CRL},
    {"peerVerifyMode", MODE, 0},
    {"peerVerifyDepth", DEPTH, 0},
    {"minimumProtocol", VERSION, 0},
    {"maximumProtocol", VERSION, 1},
    {"ciphers", LIST, MP_TLS_CIPHERS},
    {"cipherSuites", LIST, MP_TLS_CIPHER_SUITES},
    {"ellipticCurves", LIST, MP_TLS_CURVES},
    {"allowedNextProtocols", ALPN, 0},
    {"sessionTickets", TICKETS, 0},
    {"sessionTimeout", TIME, 0},
    {"ticketKeys", TEXT, MP_TLS_TICKET_KEYS_FILE},
    {"ocspResponse", TEXT, MP_TLS_OCSP_RESPONSE},
    {"ocspStapling", STAPLING, 0},
    {"preSharedKeys", KEYS, 0},
    {"serverNames", NAMES, 0},
    {"requireServerName", REQUIRE, 0},
};

#define OPTIONS (sizeof table / sizeof *table)

static const char *option_name(const void *list, int i) {
    (void)list;
    return i < (int)OPTIONS ? table[i].name : NULL;
}

/* The option's value is on top; what is left there is kept. */
static void read_option(lua_State *L, size_t i, option_reader *reader) {
    mp_tls_options *options = &reader->options;
    const char *name = table[i].name;
    switch ((enum option_kind)table[i].kind) {
    case TEXT: options->texts[table[i].number] = check_text(L, name); break;
    case LIST: options->texts[table[i].number] = check_list(L, name); break;
    case PASSPHRASE: options->texts[table[i].number] = read_passphrase(L, name, reader); break;
    case VERSION:
        *(table[i].number ? &options->maximum_version : &options->minimum_version) = check_name(L, name,
                                                                                                versions);
        break;
    case MODE:
        options->verify_mode = (enum mp_tls_verify_mode)check_name(L, name, binding_verify_modes);
        break;
    case DEPTH: options->verify_depth = (unsigned)check_number(L, name, 255); break;
    case TIME: options->session_timeout = check_number(L, name, LUA_MAXINTEGER) / 1000; break;
    case TICKETS: options->tickets = check_boolean(L, name); break;
    case REQUIRE: options->require_server_name = check_boolean(L, name); break;
    case STAPLING: options->ocsp_stapling = check_boolean(L, name); break;
    case ALPN: check_protocols(L, name, options); break;
    case KEYS: read_keys(L, name, reader); break;
    case NAMES: read_names(L, name, reader); break;
    }
}

static void read_table(lua_State *L, int index, option_reader *reader) {
    for (lua_pushnil(L); lua_next(L, index) && !reader->failed;) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        size_t i = 0;
        while (i < OPTIONS && (!name || strcmp(table[i].name, name) != 0))
            i++;
        if (i == OPTIONS) {
            const char *nearest = name ? binding_nearest(name, option_name, NULL) : NULL;
            name = luaL_tolstring(L, -2, NULL);
            luaL_error(L,
                       nearest ? "SslConfiguration has no option '%s'; did you mean '%s'?"
                               : "SslConfiguration has no option '%s'",
                       binding_shown(L, name), nearest);
        }
        read_option(L, i, reader);
        keep(L, reader);
    }
}

/* --- the object ----------------------------------------------------------------------------------------- */

void binding_push_configuration(lua_State *L, mp_tls_configuration *configuration) {
    binding_state *state = binding_find(L);
    if (!configuration) {
        lua_pushnil(L);
        return;
    }
    mp_tls_configuration **box = binding_new_value(L, state, CLASS_SSL_CONFIGURATION,
                                                   sizeof(mp_tls_configuration *), 1);
    mp_tls_configuration_reference(configuration);
    *box = configuration;
}

mp_tls_configuration *binding_check_configuration(lua_State *L, int index, mp_tls_message *message) {
    const binding_state *state = binding_find(L);
    if (binding_is(L, state, index, CLASS_SSL_CONFIGURATION))
        return *(mp_tls_configuration **)lua_touserdata(L, index);
    if (!lua_istable(L, index))
        luaL_error(L, "SslConfiguration or a table of its options expected, got %s", luaL_typename(L, index));
    option_reader reader = {.message = message};
    luaL_checkstack(L, 24, NULL);
    int top = lua_gettop(L);
    lua_newtable(L);
    lua_pushnil(L);
    reader.kept = top + 1;
    mp_tls_default_options(&reader.options);
    read_table(L, index, &reader);
    mp_tls_configuration *made = reader.failed ? NULL
                                               : mp_tls_configuration_new(mp_network_of(state->loop),
                                                                          &reader.options, message);
    if (made) {
        binding_push_configuration(L, made);
        mp_tls_configuration_unreference(made);
        lua_pushvalue(L, reader.kept + 1);
        lua_setiuservalue(L, -2, 1);
        lua_replace(L, index);
    }
    lua_settop(L, top);
    return made;
}

int binding_fail_ssl(lua_State *L, const char *what, const mp_tls_message *message) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, message->text);
    lua_pushstring(L, mp_fault_code(MP_FAULT_SSL_USER_DATA));
    return 3;
}
