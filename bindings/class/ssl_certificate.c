/*
 * moonport.SslCertificate: QSslCertificate for Lua, an immutable value.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_certificate.h"

#include "class/ssl_key.h"
#include "class/ssl_text.h"
#include "object/box.h"
#include "object/class.h"
#include "object/suggestion.h"
#include "object/surplus.h"

mp_certificate *binding_test_certificate(lua_State *L, int index) {
    if (!binding_is(L, binding_state_of(L), index, CLASS_SSL_CERTIFICATE))
        return NULL;
    return *(mp_certificate **)lua_touserdata(L, index);
}

mp_certificate *binding_check_certificate(lua_State *L, int index) {
    mp_certificate *certificate = *(mp_certificate **)binding_check_userdata(L, index, CLASS_SSL_CERTIFICATE);
    if (!certificate)
        luaL_argerror(L, index, "the object has been collected");
    return certificate;
}

void binding_push_certificate(lua_State *L, mp_certificate *certificate) {
    if (!certificate) {
        lua_pushnil(L);
        return;
    }
    mp_certificate **value = binding_new_value(L, binding_find(L), CLASS_SSL_CERTIFICATE, sizeof *value, 0);
    mp_certificate_reference(certificate);
    *value = certificate;
}

void binding_push_certificates(lua_State *L, const mp_certificates *certificates) {
    int count = mp_certificates_count(certificates);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        binding_push_certificate(L, mp_certificates_at(certificates, i));
        lua_rawseti(L, -2, i + 1);
    }
}

static mp_certificate *check_self(lua_State *L, int parameters) {
    binding_takes(L, 1 + parameters);
    return binding_check_certificate(L, 1);
}

/* --- writing -------------------------------------------------------------------------------------------- */

#define WRITINGS(X)                                                                                          \
    X(serial_number, mp_certificate_serial_number)                                                           \
    X(to_pem, mp_certificate_pem)                                                                            \
    X(to_der, mp_certificate_der)                                                                            \
    X(to_text, mp_certificate_words)

/* certificate:toPem() -> string, and the like */
#define X(name, function)                                                                                    \
    static int ssl_certificate_##name(lua_State *L) {                                                        \
        const mp_certificate *certificate = check_self(L, 0);                                                \
        mp_text *text = binding_new_text(L);                                                                 \
        return binding_give_text(L, text, function(certificate, text));                                      \
    }
WRITINGS(X)
#undef X

static const char *digest_name(const void *list, int i) {
    (void)list;
    return mp_digest_name(i);
}

/* certificate:digest([algorithm = "Sha256"]) -> bytes | nil, message, code */
static int ssl_certificate_digest(lua_State *L) {
    unsigned char digest[MP_DIGEST_SIZE];
    const mp_certificate *certificate = check_self(L, 1);
    int algorithm = lua_isnoneornil(L, 2) ? MP_DIGEST_SHA256
                                          : binding_check_name(L, 2, "algorithm", digest_name, NULL);
    int length = mp_certificate_digest(certificate, algorithm, digest);
    if (length < 0)
        return binding_fail_to_read(
            L, "digest", (mp_tls_source){NULL, 0, false},
            lua_pushfstring(L, "this system's OpenSSL doesn't have %s", mp_digest_name(algorithm)));
    lua_pushlstring(L, (const char *)digest, (size_t)length);
    return 1;
}

/* --- names ---------------------------------------------------------------------------------------------- */

static int give_names(lua_State *L, bool issuer) {
    const mp_certificate *certificate = check_self(L, 1);
    const char *attribute = luaL_checkstring(L, 2);
    mp_text *items = binding_new_text(L);
    int result = mp_certificate_names(certificate, issuer, attribute, items);
    return binding_give_items(L, items, result, binding_push_strings);
}

/* certificate:subjectInfo(attribute) -> list */
static int ssl_certificate_subject_info(lua_State *L) {
    return give_names(L, false);
}

/* certificate:issuerInfo(attribute) -> list */
static int ssl_certificate_issuer_info(lua_State *L) {
    return give_names(L, true);
}

static int give_attributes(lua_State *L, bool issuer) {
    const mp_certificate *certificate = check_self(L, 0);
    mp_text *items = binding_new_text(L);
    int result = mp_certificate_attributes(certificate, issuer, items);
    return binding_give_items(L, items, result, binding_push_strings);
}

/* certificate:subjectInfoAttributes() -> list */
static int ssl_certificate_subject_info_attributes(lua_State *L) {
    return give_attributes(L, false);
}

/* certificate:issuerInfoAttributes() -> list */
static int ssl_certificate_issuer_info_attributes(lua_State *L) {
    return give_attributes(L, true);
}

static int give_display_name(lua_State *L, bool issuer) {
    const mp_certificate *certificate = check_self(L, 0);
    mp_text *text = binding_new_text(L);
    return binding_give_text(L, text, mp_certificate_display_name(certificate, issuer, text));
}

/* certificate:subjectDisplayName() -> string */
static int ssl_certificate_subject_display_name(lua_State *L) {
    return give_display_name(L, false);
}

/* certificate:issuerDisplayName() -> string */
static int ssl_certificate_issuer_display_name(lua_State *L) {
    return give_display_name(L, true);
}

/* items -> { EmailEntry = …, DnsEntry = …, IpAddressEntry = … }. A protected call. */
static int push_alternative_names(lua_State *L) {
    static const char *const kinds[MP_NAME_COUNT] = {"EmailEntry", "DnsEntry", "IpAddressEntry"};
    lua_Integer counts[MP_NAME_COUNT] = {0};
    size_t position = 0;
    mp_text_item item;
    lua_createtable(L, 0, MP_NAME_COUNT); /* at index 2, and the lists behind it */
    for (int i = 0; i < MP_NAME_COUNT; i++) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, 2, kinds[i]);
    }
    while (mp_text_next(lua_touserdata(L, 1), &position, &item)) {
        lua_pushlstring(L, item.bytes, item.length);
        lua_rawseti(L, 3 + item.kind, ++counts[item.kind]);
    }
    lua_settop(L, 2);
    return 1;
}

/* certificate:subjectAlternativeNames() -> table of lists */
static int ssl_certificate_subject_alternative_names(lua_State *L) {
    const mp_certificate *certificate = check_self(L, 0);
    mp_text *items = binding_new_text(L);
    return binding_give_items(L, items, mp_certificate_alternative_names(certificate, items),
                              push_alternative_names);
}

/* --- facts ---------------------------------------------------------------------------------------------- */

/* certificate:version() -> "3" */
static int ssl_certificate_version(lua_State *L) {
    lua_pushfstring(L, "%d", mp_certificate_version(check_self(L, 0)));
    return 1;
}

static int push_date(lua_State *L, bool expiry) {
    int64_t msec;
    char text[MP_DATE_TEXT];
    if (!mp_certificate_date(check_self(L, 0), expiry, &msec)) {
        lua_pushnil(L);
        return 1;
    }
    mp_certificate_date_text(msec, text);
    lua_pushinteger(L, msec);
    lua_pushstring(L, text);
    return 2;
}

/* certificate:effectiveDate() -> milliseconds, text | nil */
static int ssl_certificate_effective_date(lua_State *L) {
    return push_date(L, false);
}

/* certificate:expiryDate() -> milliseconds, text | nil */
static int ssl_certificate_expiry_date(lua_State *L) {
    return push_date(L, true);
}

/* certificate:publicKey() -> SslKey or nil */
static int ssl_certificate_public_key(lua_State *L) {
    return binding_give_key(L, mp_certificate_public_key(check_self(L, 0)));
}

/* certificate:isSelfSigned() -> boolean */
static int ssl_certificate_is_self_signed(lua_State *L) {
    lua_pushboolean(L, mp_certificate_is_self_signed(check_self(L, 0)));
    return 1;
}

static void set_string(lua_State *L, const char *name, const mp_text_item *item) {
    lua_pushlstring(L, item->bytes, item->length);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool flag) {
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, name);
}

/* items -> list. A protected call. */
static int push_extensions(lua_State *L) {
    mp_text *items = lua_touserdata(L, 1);
    size_t position = 0;
    mp_text_item oid, name, value;
    lua_newtable(L);
    for (lua_Integer i = 1; mp_text_next(items, &position, &oid); i++) {
        if (!mp_text_next(items, &position, &name) || !mp_text_next(items, &position, &value))
            break; /* they come in threes */
        lua_createtable(L, 0, 5);
        set_string(L, "oid", &oid);
        set_string(L, "name", &name);
        set_string(L, "value", &value);
        set_flag(L, "isCritical", value.kind & MP_EXTENSION_CRITICAL);
        set_flag(L, "isSupported", value.kind & MP_EXTENSION_SUPPORTED);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* certificate:extensions() -> list of { oid =, name =, value =, isCritical =, isSupported = } */
static int ssl_certificate_extensions(lua_State *L) {
    const mp_certificate *certificate = check_self(L, 0);
    mp_text *items = binding_new_text(L);
    return binding_give_items(L, items, mp_certificate_extensions(certificate, items), push_extensions);
}

/* --- the class ------------------------------------------------------------------------------------------ */

/* a == b */
static int ssl_certificate_eq(lua_State *L) {
    const mp_certificate *a = binding_test_certificate(L, 1), *b = binding_test_certificate(L, 2);
    lua_pushboolean(L, a && b && mp_certificate_equal(a, b));
    return 1;
}

/* tostring(certificate) -> "SslCertificate (CN = example.org)", on one line whatever the name has in it */
static int ssl_certificate_to_string(lua_State *L) {
    const mp_certificate *certificate = check_self(L, BINDING_ANY);
    mp_text *text = binding_new_text(L);
    binding_give_text(L, text, mp_certificate_line(certificate, false, text));
    lua_pushfstring(L, "SslCertificate (%s)", lua_tostring(L, -1));
    return 1;
}

static int ssl_certificate_gc(lua_State *L) {
    mp_certificate **value = lua_touserdata(L, 1);
    mp_certificate_unreference(*value);
    *value = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"version", ssl_certificate_version},
    {"serialNumber", ssl_certificate_serial_number},
    {"digest", ssl_certificate_digest},
    {"subjectInfo", ssl_certificate_subject_info},
    {"issuerInfo", ssl_certificate_issuer_info},
    {"subjectInfoAttributes", ssl_certificate_subject_info_attributes},
    {"issuerInfoAttributes", ssl_certificate_issuer_info_attributes},
    {"subjectDisplayName", ssl_certificate_subject_display_name},
    {"issuerDisplayName", ssl_certificate_issuer_display_name},
    {"subjectAlternativeNames", ssl_certificate_subject_alternative_names},
    {"effectiveDate", ssl_certificate_effective_date},
    {"expiryDate", ssl_certificate_expiry_date},
    {"publicKey", ssl_certificate_public_key},
    {"isSelfSigned", ssl_certificate_is_self_signed},
    {"extensions", ssl_certificate_extensions},
    {"toPem", ssl_certificate_to_pem},
    {"toDer", ssl_certificate_to_der},
    {"toText", ssl_certificate_to_text},
    {NULL, NULL},
};

void binding_open_ssl_certificate(lua_State *L, binding_state *state) {
    static const luaL_Reg metamethods[] = {{"__tostring", ssl_certificate_to_string},
                                           {"__eq", ssl_certificate_eq},
                                           {"__gc", ssl_certificate_gc},
                                           {NULL, NULL}};
    binding_new_class(L, state, CLASS_SSL_CERTIFICATE, methods);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, metamethods, 1);
    lua_pop(L, 1);
}
