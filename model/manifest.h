/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The manifest of a package: JSON,
 * `{"format":1,"service":NAME,"members":[{"name","role","size","sha256"}]}`.
 */

#include "model/package.h"

typedef struct Manifest {
        char *service;
        PackageMember *members;
        size_t n_members;
} Manifest;

/**
 * manifest_write() - The text of a manifest
 * @manifest: what it says
 * @ret:      owned; the same for the same @manifest
 *
 * Return: 0; -ENOMEM
 */
int manifest_write(const Manifest *manifest, char **ret);

/**
 * manifest_read() - Parse a manifest
 * @text:      zero-terminated
 * @ret:       what it says, on 0 only
 * @ret_error: on PACKAGE_REFUSED
 *
 * Every member's name is one that a package may have: the definition first, then payloads, each of
 * a role.
 *
 * Return: 0; PACKAGE_REFUSED; -ENOMEM
 */
int manifest_read(const char *text, Manifest *ret, PackageError *ret_error);

/**
 * manifest_deinit() - Free what it holds
 * @manifest: NULL is allowed
 */
void manifest_deinit(Manifest *manifest);
