/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate is written last, so that a set that is there is whole; after a power cut in
 * between there is none, and the host begins anew. The CA's key is written first of all: a CA
 * without it would be of no use. */

#include "hostd/identity.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define PUBLIC_MODE  0644
#define PRIVATE_MODE 0640 /* the directory's group is etcd's */
#define OWN_MODE     0600

static int set_paths(Identity *identity, const char *state_dir)
{
        identity->dir = str_printf("%s/pki", state_dir);
        if (!identity->dir)
                return -ENOMEM;
        identity->ca_path = str_printf("%s/ca.crt", identity->dir);
        identity->certificate_path = str_printf("%s/host.crt", identity->dir);
        identity->key_path = str_printf("%s/host.key", identity->dir);
        identity->crl_path = str_printf("%s/revoked.crl", identity->dir);
        return identity->ca_path && identity->certificate_path && identity->key_path &&
                               identity->crl_path
                       ? 0
                       : -ENOMEM;
}

static void wipe(char **text)
{
        if (*text)
                explicit_bzero(*text, strlen(*text));
        free(TAKE_PTR(*text));
}

static void forget_texts(Identity *identity)
{
        free(TAKE_PTR(identity->ca));
        free(TAKE_PTR(identity->certificate));
        wipe(&identity->key);
        wipe(&identity->ca_key);
        identity->facts = (PkiFacts) {};
}

static int read_text(const char *path, char **ret_text)
{
        int r = file_read(AT_FDCWD, path, IDENTITY_BYTES_MAX, ret_text, NULL);

        return r == -ENOENT ? 0 : r;
}

static int read_ca_key(Identity *identity)
{
        _cleanup_free_ char *path = str_printf("%s/ca.key", identity->dir);

        return path ? read_text(path, &identity->ca_key) : -ENOMEM;
}

int identity_load(Identity *identity, const char *state_dir)
{
        int r;

        *identity = (Identity) {};
        r = set_paths(identity, state_dir);
        if (r < 0)
                return r;
        if (mkdir(identity->dir, 0750) < 0 && errno != EEXIST)
                return -errno;
        r = read_text(identity->ca_path, &identity->ca);
        if (r == 0)
                r = read_text(identity->certificate_path, &identity->certificate);
        if (r == 0)
                r = read_text(identity->key_path, &identity->key);
        if (r == 0)
                r = read_ca_key(identity);
        if (r < 0)
                return r;
        if (identity->ca && identity->certificate && identity->key &&
            pki_verify(identity->ca, identity->certificate, identity->key) == 0 &&
            pki_examine(identity->certificate, &identity->facts) == 0)
                return 0;
        forget_texts(identity);
        return IDENTITY_NONE;
}

void identity_deinit(Identity *identity)
{
        forget_texts(identity);
        free(identity->dir);
        free(identity->ca_path);
        free(identity->certificate_path);
        free(identity->key_path);
        free(identity->crl_path);
        *identity = (Identity) {};
}

static int write_text(const char *path, const char *text, mode_t mode)
{
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), mode);
}

/* The key that certificates are asked for; one that is there is kept. */
static int need_key(Identity *identity)
{
        int r = 0;

        if (!identity->key)
                r = pki_make_key(&identity->key);
        return r < 0 ? r : write_text(identity->key_path, identity->key, PRIVATE_MODE);
}

int identity_request(Identity *identity, char **ret_request)
{
        int r = need_key(identity);

        if (r == 0)
                r = pki_make_request(identity->key, ret_request);
        return r > 0 ? -EBADMSG : r;
}

int identity_accept(Identity *identity, const char *ca, const char *certificate)
{
        _cleanup_free_ char *ca_copy = strdup(ca), *copy = strdup(certificate);
        PkiFacts facts;
        int r;

        if (!ca_copy || !copy)
                return -ENOMEM;
        r = pki_verify(ca, certificate, identity->key);
        if (r == 0)
                r = pki_examine(certificate, &facts);
        if (r != 0)
                return r;
        if (!str_equal(identity->ca, ca))
                r = write_text(identity->ca_path, ca, PUBLIC_MODE);
        if (r == 0)
                r = write_text(identity->certificate_path, certificate, PUBLIC_MODE);
        if (r < 0)
                return r;
        free(identity->ca);
        free(identity->certificate);
        identity->ca = TAKE_PTR(ca_copy);
        identity->certificate = TAKE_PTR(copy);
        identity->facts = facts;
        return 0;
}

static int write_ca_key(Identity *identity)
{
        _cleanup_free_ char *path = str_printf("%s/ca.key", identity->dir);

        return path ? write_text(path, identity->ca_key, OWN_MODE) : -ENOMEM;
}

/* etcd does not start without a list of what is revoked. */
static int write_empty_crl(Identity *identity, const char *ca, uint64_t now_us)
{
        _cleanup_free_ char *list = NULL;
        int r = pki_revoke(&(PkiAuthority) {ca, identity->ca_key}, NULL, 0, now_us, &list);

        return r == 0 ? identity_write_crl(identity, list) : r;
}

int identity_found(Identity *identity, const PkiSubject *subject, uint64_t now_us)
{
        _cleanup_free_ char *ca = NULL, *request = NULL, *certificate = NULL;
        RecordName serial;
        int r;

        wipe(&identity->ca_key);
        r = pki_make_authority("Troupe cluster", now_us, &ca, &identity->ca_key);
        if (r == 0)
                r = write_ca_key(identity);
        if (r == 0)
                r = identity_request(identity, &request);
        if (r == 0)
                r = write_empty_crl(identity, ca, now_us);
        if (r == 0)
                r = pki_sign(&(PkiAuthority) {ca, identity->ca_key}, request, subject, &certificate,
                             serial);
        if (r == 0)
                r = identity_accept(identity, ca, certificate);
        return r > 0 ? -EBADMSG : r;
}

int identity_forget_ca_key(Identity *identity)
{
        _cleanup_free_ char *path = str_printf("%s/ca.key", identity->dir);

        if (!path)
                return -ENOMEM;
        wipe(&identity->ca_key);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int identity_write_crl(Identity *identity, const char *list)
{
        return write_text(identity->crl_path, list, PUBLIC_MODE);
}

int identity_forget(Identity *identity)
{
        const char *paths[] = {identity->certificate_path, identity->ca_path, identity->key_path,
                               identity->crl_path};
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (unlink(paths[i]) < 0 && errno != ENOENT)
                        r = -errno;
        if (r == 0)
                r = identity_forget_ca_key(identity);
        forget_texts(identity);
        return r;
}
