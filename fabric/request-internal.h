/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the files of requests share. */

#include "fabric/state.h"

/** request_refuse() - Note why a request is refused; refuse() is what it is called by */
void request_refuse(Fabric *fabric, FabricRefusal refusal, const char *format, ...) _printf_(3, 4);

/* refuse() - FABRIC_REFUSED, with the reason noted: fabric, refusal, format and its values */
#define refuse(...) (request_refuse(__VA_ARGS__), FABRIC_REFUSED)

/** request_find_host() - A host by name. Return: 0; FABRIC_REFUSED */
int request_find_host(Fabric *fabric, const char *name, Host **ret);

/** request_host() - Cordon, uncordon, drain, remove a host, or release the brake. Return: 0;
 * FABRIC_REFUSED */
int request_host(Fabric *fabric, const FabricRequest *request);

/** request_record() - Take in, or out, what hosts are and have: packages, guest operating systems,
 * certificates. Return: 0; FABRIC_REFUSED */
int request_record(Fabric *fabric, const FabricRequest *request);
