/*
 * Checks of arguments: what is misuse is raised here, before anything has changed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_ARGUMENTS_H
#define BINDING_ARGUMENTS_H

#include <lua.h>

#include "data/address.h"

/* An address: text or HostAddress; "localhost" where a name is allowed. Raises if it is none. */
void binding_check_address(lua_State *L, int index, mp_address *address);

/* A port; raises an error that begins with `what`, the method's name. */
uint16_t binding_check_port(lua_State *L, int index, const char *what);

/* Milliseconds to wait: -1 or infinite is for ever, another negative number has passed, 0; `otherwise` if
   there is none. */
double binding_check_msec(lua_State *L, int index, double otherwise);

/* Pushes a time in milliseconds that a script has set: an integer if it is whole, as "%d" wants it. */
void binding_push_msec(lua_State *L, double msec);

/* Bytes, or another count that is not negative. */
size_t binding_check_size(lua_State *L, int index, const char *what);

/* A byte: a string of one, or a number from 0 to 255. */
char binding_check_byte(lua_State *L, int index);

/* A name of Qt's for a bit, or several, of a flags argument; the end of a list has no name. */
typedef struct binding_flag {
    const char *name;
    int value;
} binding_flag;

/* The flags that an argument names: "ReadOnly", or several joined by '|', "ReadOnly|Text". Raises for an
   unknown one. */
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
