/*
 * Checks of arguments. They raise on misuse before anything has changed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_ARGUMENTS_H
#define BINDING_ARGUMENTS_H

#include <lua.h>

#include "data/address.h"

/* An address: text or HostAddress; also "localhost" where a name is allowed. Raises if it isn't one. */
void binding_check_address(lua_State *L, int index, mp_address *address);

/* A host to connect to: a name, an address, or a HostAddress, whose text is put into `text`, of
   MP_ADDRESS_TEXT bytes. */
const char *binding_check_host(lua_State *L, int index, char *text);

/* A port; an error's text begins with `what`, the method's name. */
uint16_t binding_check_port(lua_State *L, int index, const char *what);

/* Milliseconds to wait: -1 or infinite means for ever, any other negative number is 0; `otherwise` if the
   argument is missing. */
double binding_check_msec(lua_State *L, int index, double otherwise);

/* Pushes a time in milliseconds that a script has set: an integer if it is whole, since "%d" needs one. */
void binding_push_msec(lua_State *L, double msec);

/* A number of bytes, or another count that isn't negative. */
size_t binding_check_size(lua_State *L, int index, const char *what);

/* A byte: a string of length one, or a number from 0 to 255. */
char binding_check_byte(lua_State *L, int index);

/* Qt's name for one or several bits of a flags argument; the last entry of a list has no name. */
typedef struct binding_flag {
    const char *name;
    int value;
} binding_flag;

/* The name of a list of flags at `i`, NULL after its end. */
const char *binding_flag_name(const void *flags, int i);

/* The flags that an argument names: "ReadOnly", or several joined by '|', "ReadOnly|Text". Raises for an
   unknown name. */
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

#endif
