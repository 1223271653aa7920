/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Who this host is to the others: the directory `pki` with the cluster's CA, this host's key and
 * its certificate. etcd reads the same files, through their group. */

#include "hostd/openssl-pki.h"

#define IDENTITY_NONE      1 /* outcome: there is no complete set of files that fit together */
#define IDENTITY_BYTES_MAX (256 * KIB)

/* Texts are owned, NULL for what there is not. */
typedef struct Identity {
        char *dir;
        char *ca_path, *certificate_path, *key_path, *crl_path;
        char *ca, *certificate, *key;
        char *ca_key;   /* only from founding a cluster until its state has it */
        PkiFacts facts; /* of the certificate */
} Identity;

/**
 * identity_load() - Read the files that are there
 * @identity:  overwritten; free with identity_deinit() in any case
 * @state_dir: has `pki` in it, which is made when it is missing
 *
 * Return: 0; IDENTITY_NONE, and then only the paths are set; negative errno.
 */
int identity_load(Identity *identity, const char *state_dir);

/** identity_deinit() - Free what it owns, and wipe the keys */
void identity_deinit(Identity *identity);

/**
 * identity_found() - Make a CA, and be the first that it signs for
 * @identity: without certificate
 * @subject:  this host
 * @now_us:   CLOCK_REALTIME
 *
 * Return: 0; negative errno.
 */
int identity_found(Identity *identity, const PkiSubject *subject, uint64_t now_us);

/**
 * identity_request() - A request for a certificate of this host's key, which is made if need be
 * @identity:    identity
 * @ret_request: owned PEM text
 *
 * Return: 0; negative errno.
 */
int identity_request(Identity *identity, char **ret_request);

/**
 * identity_accept() - Take a certificate, and with it the CA that signed it
 * @identity:    has the key
 * @ca:          PEM text
 * @certificate: PEM text, from outside
 *
 * Return: 0; PKI_BAD when they do not fit together or with the key, and then nothing has changed;
 * negative errno.
 */
int identity_accept(Identity *identity, const char *ca, const char *certificate);

/** identity_forget_ca_key() - The cluster's state has the CA's key: the file goes */
int identity_forget_ca_key(Identity *identity);

/** identity_write_crl() - What is revoked, for etcd, which reads it at each handshake */
int identity_write_crl(Identity *identity, const char *list);

/** identity_forget() - Remove all files: this host is nobody any more */
int identity_forget(Identity *identity);
