/* SPDX-License-Identifier: GPL-3.0-or-later */

/*   IDLE ──► SUMS ──► SIGNATURE ──► VERIFYING ──► MANIFEST ──► IDLE
 *                                    worker
 *
 * IDLE again also from each of them, when it failed or was cancelled. */

#include "hostd/os-offer.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fabric/guest-os.h"
#include "hostd/os-signature.h"
#include "hostd/os-sums.h"
#include "lib/base/file.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"
#include "lib/base/url.h"

#define TEXT_TIMEOUT_NS (60 * NSEC_PER_SEC)

typedef enum OfferState {
        OFFER_IDLE,
        OFFER_SUMS,
        OFFER_SIGNATURE,
        OFFER_VERIFYING,
        OFFER_MANIFEST,
        OFFER_STATES,
} OfferState;

static const SmState states[OFFER_STATES] = {
        [OFFER_IDLE] = {"IDLE", SM_TO(OFFER_SUMS)},
        [OFFER_SUMS] = {"SUMS", SM_TO(OFFER_SIGNATURE) | SM_TO(OFFER_IDLE)},
        [OFFER_SIGNATURE] = {"SIGNATURE", SM_TO(OFFER_VERIFYING) | SM_TO(OFFER_IDLE)},
        [OFFER_VERIFYING] = {"VERIFYING", SM_TO(OFFER_MANIFEST) | SM_TO(OFFER_IDLE)},
        [OFFER_MANIFEST] = {"MANIFEST", SM_TO(OFFER_IDLE)},
};

/* The texts, in the order that they are asked for. */
enum { SUMS, SIGNATURE, MANIFEST, TEXTS };

static const struct {
        const char *name;
        size_t max;
} texts[TEXTS] = {
        [SUMS] = {"SHA256SUMS", OS_SUMS_BYTES_MAX},
        [SIGNATURE] = {"SHA256SUMS.gpg", OS_SIGNATURE_BYTES_MAX},
        [MANIFEST] = {"manifest.json", OS_MANIFEST_BYTES_MAX},
};

typedef struct Text {
        char *data;
        size_t length;
} Text;

struct OsOffer {
        OsOfferConfig config;
        char *gpg_directory, *keyring;
        Sm sm;
        bool stopped, cancelled;
        char url[OS_OFFER_URL_MAX + 1], name[OS_OFFER_NAME_MAX + 1];
        OsRecord *known;
        size_t n_known;
        HttpRequest *request;
        Text texts[TEXTS];
        OsSums pick;
        WorkerJob job;
        bool job_runs;
        char job_message[OS_SIGNATURE_MESSAGE_MAX];
};

static OfferState state_of(const OsOffer *offer)
{
        return (OfferState) offer->sm.state;
}

static void forget(OsOffer *offer)
{
        for (size_t i = 0; i < TEXTS; i++)
                free(offer->texts[i].data);
        memset(offer->texts, 0, sizeof(offer->texts));
        free(offer->known);
        offer->known = NULL;
        offer->n_known = 0;
}

/* ---- its end */

static void end(OsOffer *offer, OsOfferResult *result)
{
        sm_move(&offer->sm, OFFER_IDLE);
        result->manifest = offer->texts[MANIFEST].data;
        offer->config.done(offer->config.userdata, result);
        if (state_of(offer) == OFFER_IDLE)
                forget(offer);
}

_printf_(3, 4) static void fail(OsOffer *offer, const char *error, const char *format, ...)
{
        OsOfferResult result = {.error = error};
        va_list args;

        va_start(args, format);
        vsnprintf(result.message, sizeof(result.message), format, args);
        va_end(args);
        end(offer, &result);
}

static void fail_errno(OsOffer *offer, int error, const char *what)
{
        if (error == -ENOSPC || error == -EDQUOT)
                fail(offer, "StorageFull", "%s: this host's disk is full", what);
        else
                fail(offer, "Internal", "%s: %s", what, strerror(-error));
}

/* ---- the manifest */

/* Whether the cluster has this version; then with these files, or it is refused. */
static bool is_known(const OsOffer *offer, OsOfferResult *result)
{
        const OsRecord *os = &result->os;

        for (size_t i = 0; i < offer->n_known; i++) {
                const OsRecord *known = &offer->known[i];

                if (!str_equal(known->family, os->family) ||
                    !str_equal(known->version, os->version))
                        continue;
                result->known = os_manifest_same(known, os);
                if (result->known)
                        return true;
                result->error = "RefusedNow";
                snprintf(result->message, sizeof(result->message),
                         "guest operating system %s version %s is in the cluster already, with "
                         "other files: give the new one another version",
                         os->family, os->version);
                return true;
        }
        return false;
}

static bool has_digest(const Text *text, const char *expected)
{
        char digest[2 * EVP_MAX_MD_SIZE + 1] = "";
        uint8_t bytes[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        if (EVP_Digest(text->data, text->length, bytes, &length, EVP_sha256(), NULL) != 1)
                return false;
        str_hex(bytes, length, digest);
        return str_equal(digest, expected);
}

static void on_manifest(OsOffer *offer)
{
        const Text *text = &offer->texts[MANIFEST];
        char message[OS_MANIFEST_MESSAGE_MAX];
        OsOfferResult result = {};
        int r;

        if (!has_digest(text, offer->pick.manifest))
                return fail(offer, "GuestOsInvalid",
                            "manifest.json: is not what SHA256SUMS says it is");
        r = os_manifest_parse(text->data, &result.os, message);
        if (r == OS_MANIFEST_BAD)
                return fail(offer, "GuestOsInvalid", "%s", message);
        if (r < 0)
                return fail_errno(offer, r, "manifest.json");
        if (!str_equal(result.os.family, offer->pick.family) ||
            !str_equal(result.os.version, offer->pick.version))
                return fail(offer, "GuestOsInvalid",
                            "manifest.json: is of another family or version than its name says");
        if (!result.os.digest[0])
                return fail(offer, "GuestOsInvalid", "manifest.json: names no root image (.raw)");
        is_known(offer, &result);
        end(offer, &result);
}

/* ---- the texts */

static int keep(Text *text, const HttpResult *result)
{
        text->data = malloc(result->length + 1);
        if (!text->data)
                return -ENOMEM;
        memcpy(text->data, result->body, result->length);
        text->data[result->length] = '\0';
        text->length = result->length;
        return 0;
}

static int start(OsOffer *offer, size_t index, HttpDone done)
{
        _cleanup_free_ char *url =
                index == MANIFEST ? str_printf("%s/" OS_SUMS_PREFIX "%s_%s" OS_SUMS_MANIFEST,
                                               offer->url, offer->pick.family, offer->pick.version)
                                  : str_printf("%s/%s", offer->url, texts[index].name);

        if (!url)
                return -ENOMEM;
        return http_start(offer->config.http,
                          &(HttpOptions) {.url = url,
                                          .timeout_ns = TEXT_TIMEOUT_NS,
                                          .body_max = texts[index].max,
                                          .done = done,
                                          .userdata = offer},
                          &offer->request);
}

static void ask(OsOffer *offer, size_t index, HttpDone done)
{
        int r = start(offer, index, done);

        if (r < 0)
                fail_errno(offer, r, texts[index].name);
}

static size_t text_index(const OsOffer *offer)
{
        return state_of(offer) == OFFER_SUMS        ? SUMS
               : state_of(offer) == OFFER_SIGNATURE ? SIGNATURE
                                                    : MANIFEST;
}

static void on_text(void *userdata, const HttpResult *result)
{
        OsOffer *offer = userdata;
        size_t index = text_index(offer);
        const char *name = texts[index].name;

        offer->request = NULL;
        if (result->error == -EFBIG)
                return fail(offer, "GuestOsInvalid", "%s: is longer than %zu KiB", name,
                            texts[index].max / KIB);
        if (result->error != 0)
                return fail(offer, "SourceUnavailable", "%s: %s", name, result->message);
        if (result->status != 200)
                return fail(offer, "SourceUnavailable", "%s: the source answers with status %u",
                            name, result->status);
        if (keep(&offer->texts[index], result) < 0)
                return fail_errno(offer, -ENOMEM, name);
        if (index == SUMS) {
                sm_move(&offer->sm, OFFER_SIGNATURE);
                ask(offer, SIGNATURE, on_text);
        } else if (index == SIGNATURE) {
                sm_move(&offer->sm, OFFER_VERIFYING);
                offer->job_runs = true;
                worker_submit(offer->config.worker, &offer->job);
        } else {
                on_manifest(offer);
        }
}

/* An older version than the cluster has is not what "the newest" asks for: a list that was signed
 * long ago stays signed. */
static const OsRecord *find_newer(const OsOffer *offer)
{
        for (size_t i = 0; i < offer->n_known && !offer->name[0]; i++)
                if (str_equal(offer->known[i].family, offer->pick.family) &&
                    guest_os_compare(offer->pick.version, offer->known[i].version) < 0)
                        return &offer->known[i];
        return NULL;
}

static void on_verified(OsOffer *offer, int result)
{
        const Text *sums = &offer->texts[SUMS];
        char message[OS_SUMS_MESSAGE_MAX];
        const OsRecord *newer;

        if (result < 0)
                return fail_errno(offer, result, "SHA256SUMS.gpg: cannot be checked");
        if (result == OS_SIGNATURE_NO_KEY)
                return fail(offer, "RefusedNow", "%s", offer->job_message);
        if (result != 0)
                return fail(offer, "GuestOsInvalid", "%s", offer->job_message);
        result = os_sums_pick(sums->data, sums->length, offer->name, &offer->pick, message);
        if (result != 0)
                return fail(offer, "GuestOsInvalid", "%s", message);
        newer = find_newer(offer);
        if (newer)
                return fail(offer, "RefusedNow",
                            "the newest there is %s, and the cluster has %s: to have it "
                            "nonetheless, name it, %s/%s",
                            offer->pick.version, newer->version, offer->pick.family,
                            offer->pick.version);
        sm_move(&offer->sm, OFFER_MANIFEST);
        ask(offer, MANIFEST, on_text);
}

/* ---- the job */

static int job_run(WorkerJob *job)
{
        OsOffer *offer = CONTAINER_OF(job, OsOffer, job);
        const Text *sums = &offer->texts[SUMS], *signature = &offer->texts[SIGNATURE];
        OsSigned given = {sums->data, sums->length, signature->data, signature->length};

        return os_signature_verify(&given, offer->gpg_directory, offer->keyring,
                                   offer->job_message);
}

static void job_done(WorkerJob *job, int result)
{
        OsOffer *offer = CONTAINER_OF(job, OsOffer, job);

        offer->job_runs = false;
        if (offer->stopped)
                return;
        if (offer->cancelled)
                fail(offer, "Unavailable", "cancelled");
        else
                on_verified(offer, result);
}

/* ---- all of it */

int os_offer_ask(OsOffer *offer, const char *url, const char *name, const OsRecord *known,
                 size_t n_known)
{
        int r;

        assert(state_of(offer) == OFFER_IDLE);
        assert(url_is_directory(url, OS_OFFER_URL_MAX));
        forget(offer);
        offer->known = calloc(n_known + 1, sizeof(*known));
        if (!offer->known)
                return -ENOMEM;
        for (size_t i = 0; i < n_known; i++)
                offer->known[i] = known[i];
        offer->n_known = n_known;
        offer->pick = (OsSums) {};
        offer->cancelled = false;
        snprintf(offer->url, sizeof(offer->url), "%s", url);
        snprintf(offer->name, sizeof(offer->name), "%s", name);
        r = start(offer, SUMS, on_text);
        if (r == 0)
                sm_move(&offer->sm, OFFER_SUMS);
        return r;
}

bool os_offer_cancel(OsOffer *offer)
{
        if (state_of(offer) == OFFER_IDLE)
                return false;
        offer->request = http_cancel(offer->request);
        offer->cancelled = true;
        if (offer->job_runs)
                return true;
        sm_move(&offer->sm, OFFER_IDLE);
        forget(offer);
        return false;
}

int os_offer_new(const OsOfferConfig *config, OsOffer **ret_offer)
{
        _cleanup_(os_offer_freep) OsOffer *offer = calloc(1, sizeof(*offer));
        int r;

        if (!offer)
                return -ENOMEM;
        offer->config = *config;
        offer->job = (WorkerJob) {.run = job_run, .done = job_done};
        sm_init(&offer->sm, states, OFFER_STATES, OFFER_IDLE);
        r = str_set(&offer->gpg_directory, config->gpg_directory);
        if (r == 0 && config->keyring)
                r = str_set(&offer->keyring, config->keyring);
        if (r == 0)
                r = file_remove_directory(AT_FDCWD, offer->gpg_directory);
        if (r < 0)
                return r;
        *ret_offer = TAKE_PTR(offer);
        return 0;
}

void os_offer_stop(OsOffer *offer)
{
        offer->stopped = true;
        offer->request = http_cancel(offer->request);
}

OsOffer *os_offer_free(OsOffer *offer)
{
        if (!offer)
                return NULL;
        http_cancel(offer->request);
        forget(offer);
        free(offer->gpg_directory);
        free(offer->keyring);
        free(offer);
        return NULL;
}
