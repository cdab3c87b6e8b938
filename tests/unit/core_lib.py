"""The pieces of the C core that ask the kernel nothing, as a shared library for cffi (ABI mode).

Opaque pointers go in and out, so that no struct is written down a second time; what is allocated has its exact size,
so that AddressSanitizer sees the first byte too many. ``netlink.c`` sends through ``core_sendto``: the kernel's answers
are the test's.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from enum import IntEnum
from pathlib import Path
from typing import Any

import cffi

from tests.unit.clib import CSRC, build

SOURCES = ("str", "classify", "netlink", "evidence", "select")
SANITIZE = "KPROBE_SANITIZE"  # "address" or "undefined": set for the child that runs the tests again

SHIM = r"""
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "evidence.h"
#include "netlink.h"
#include "run.h"

_Static_assert(KP_UNKNOWN == 0 && KP_WORKS == 1 && KP_ABSENT == 2 && KP_DENIED == 3 && KP_BROKEN == 4, "Outcome");
_Static_assert(KP_CALL_PLAIN == 0 && KP_CALL_SOCKET == 1 && KP_CALL_UNSHARE == 2 && KP_CALL_XT_SOCKOPT == 3, "Call");
_Static_assert(KP_CALL_BPF == 4 && KP_CALL_BPF_CHARGED == 5, "Call");

#define ROWS(name) static const struct kp_probe name[]
ROWS(a_rows) = {
    { .id = "a.control.negative", .control = KP_NEGATIVE }, { .id = "a.control.positive", .control = KP_POSITIVE },
    { .id = "a.one" }, { .id = "a.two", .needs = "a.one" }, { .id = "a.three", .needs = "a.two" }, { .id = "a.four" },
};
ROWS(b_rows) = {
    { .id = "b.control.negative", .control = KP_NEGATIVE, .needs = "a.four" },
    { .id = "b.control.positive", .control = KP_POSITIVE },
    { .id = "b.one", .needs = "a.three  b.missing" }, { .id = "b.two" }, { .id = "b.hash:ip,port" },
};
/* A control that stands on rows of its family, and so behind them, as those of the xt families do. */
ROWS(c_rows) = {
    { .id = "c.control.positive", .control = KP_POSITIVE }, { .id = "c.base" }, { .id = "c.table", .needs = "c.base" },
    { .id = "c.other" }, { .id = "c.large", .mib = 9 },
    { .id = "c.control.negative", .control = KP_NEGATIVE, .needs = "c.table" }, { .id = "c.row" },
};
#define FAMILY(id) \
    static const struct kp_family id = { .name = #id, .rows = id##_rows, .n_rows = KP_ARRAY_SIZE(id##_rows) }
FAMILY(a);
FAMILY(b);
FAMILY(c);
const struct kp_family *const kp_families[] = { &a, &b, &c };
const unsigned int kp_n_families = 3;

int core_classify(uint64_t caps, uint64_t caps_init, int seccomp, bool modular, uint64_t gate, const int *row_rules,
                  const int *by_rules, int call, int err, bool *retry, const char **reason);
int core_select(const char *select, unsigned int flags, char *out, size_t size);
void *core_ctx(void);
void *core_nlbuf(void);
size_t core_nlbuf_len(const struct kp_nlbuf *buf);
bool core_nlbuf_overflow(const struct kp_nlbuf *buf);
const unsigned char *core_nlbuf_data(const struct kp_nlbuf *buf);
long core_find(const void *bytes, size_t len, uint16_t type, size_t *ret_len);
ssize_t core_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t to_len);
void *core_out(int fd);
const char *core_out_line(const struct kp_out *o);
size_t core_out_len(const struct kp_out *o);
int core_out_err(const struct kp_out *o);
void core_out_free(struct kp_out *o);
void *core_result(void);
const char *core_detail(const struct kp_result *res);
const char *core_extack(const struct kp_ctx *ctx);

/* Rules as pairs of errno and outcome, ended by 0. */
static void rules(struct kp_rule *to, const int *from, const char *why)
{
    for (; from && *from; from += 2, to++)
        *to = (struct kp_rule){ from[0], (enum kp_outcome)from[1], why };
    *to = (struct kp_rule){ 0 };
}

int core_classify(uint64_t caps, uint64_t caps_init, int seccomp, bool modular, uint64_t gate, const int *row_rules,
                  const int *by_rules, int call, int err, bool *retry, const char **reason)
{
    struct kp_rule of_row[16], of_method[16];
    const struct kp_env env = { .caps = caps, .caps_init = caps_init, .seccomp = seccomp, .modular = modular };
    const struct kp_method by = { .rules = by_rules ? of_method : NULL, .gate = gate };
    const struct kp_probe row = { .id = "a.one", .by = &by, .rules = row_rules ? of_row : NULL };

    rules(of_row, row_rules, "row");
    rules(of_method, by_rules, "method");
    return (int)kp_classify(&env, &row, (enum kp_call)call, err, retry, reason);
}

int core_select(const char *select, unsigned int flags, char *out, size_t size)
{
    struct kp_selection sel;
    int rc = kp_select(&sel, select, flags);

    out[0] = '\0';
    for (unsigned int f = 0, n = 0; !rc && f < kp_n_families; f++)
        for (unsigned int i = 0; i < kp_families[f]->n_rows; i++, n++)
            if (sel.chosen[n]) {
                kp_cat(out, size, kp_families[f]->rows[i].id);
                kp_cat(out, size, "\n");
            }
    return rc;
}

void *core_ctx(void)
{
    static const struct kp_env env;
    static const struct kp_probe row = { .id = "a.one" };
    struct kp_ctx *ctx = calloc(1, sizeof(*ctx));

    ctx->env = &env;
    ctx->row = &row;
    return ctx;
}

const char *core_extack(const struct kp_ctx *ctx) { return ctx->extack; }
void *core_nlbuf(void) { return malloc(sizeof(struct kp_nlbuf)); }
size_t core_nlbuf_len(const struct kp_nlbuf *buf) { return buf->len; }
bool core_nlbuf_overflow(const struct kp_nlbuf *buf) { return buf->overflow; }
const unsigned char *core_nlbuf_data(const struct kp_nlbuf *buf) { return buf->data; }

/* Offset of what was found, -1: nothing. On a copy of exactly @len bytes. */
long core_find(const void *bytes, size_t len, uint16_t type, size_t *ret_len)
{
    unsigned char *copy = malloc(len ? len : 1);
    const unsigned char *found;
    long at;

    memcpy(copy, bytes, len);
    found = kp_nl_find(copy, len, type, ret_len);
    at = found ? found - copy : -1;
    if (found)
        for (size_t i = 0; i < *ret_len; i++)
            ((volatile unsigned char *)copy)[at + (long)i];
    free(copy);
    return at;
}

ssize_t core_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    (void)fd; (void)buf; (void)flags; (void)to; (void)to_len;
    return (ssize_t)len;
}

void *core_out(int fd)
{
    struct kp_out *o = calloc(1, sizeof(*o));

    o->fd = fd;
    o->line = malloc(KP_LINE);
    return o;
}

const char *core_out_line(const struct kp_out *o) { return o->line; }
size_t core_out_len(const struct kp_out *o) { return o->len; }
int core_out_err(const struct kp_out *o) { return o->err; }
void core_out_free(struct kp_out *o)
{
    free(o->line);
    free(o);
}

void *core_result(void) { return calloc(1, sizeof(struct kp_result)); }
const char *core_detail(const struct kp_result *res) { return res->detail; }
"""

CDEF = """
void free(void *);
int core_classify(uint64_t, uint64_t, int, bool, uint64_t, const int *, const int *, int, int, bool *, const char **);
int core_select(const char *select, unsigned int flags, char *out, size_t size);
void *core_ctx(void);
const char *core_extack(void *ctx);
void *core_nlbuf(void);
size_t core_nlbuf_len(void *);
bool core_nlbuf_overflow(void *);
unsigned char *core_nlbuf_data(void *);
long core_find(const char *bytes, size_t len, uint16_t type, size_t *ret_len);
void *core_out(int fd);
char *core_out_line(void *);
size_t core_out_len(void *);
int core_out_err(void *);
void core_out_free(void *);
void *core_result(void);
const char *core_detail(void *);

const char *kp_errno_name(int err, char *buf);
const char *kp_outcome_name(int);
void kp_detail(void *res, const char *key, const char *value);
bool kp_glob(const char *pattern, const char *text);
bool kp_cat(char *dst, size_t size, const char *src);
bool kp_word(const char **pos, char *word, size_t size);
void kp_nl_init(void *b);
void kp_nl_msg(void *ctx, void *b, uint16_t type, uint16_t flags, const void *hdr, size_t hdrlen);
void kp_nl_raw(void *b, const void *data, size_t len);
void kp_nl_put(void *b, uint16_t type, const void *data, size_t len);
size_t kp_nl_nest(void *b, uint16_t type);
void kp_nl_end(void *b, size_t nest);
int kp_nl_talk(void *ctx, int fd, void *b);
int kp_nl_query(void *ctx, int fd, void *b, void *each, void *arg);
void kp_js_open(void *o, const char *type);
void kp_js_close(void *o);
void kp_js_text(void *o, const char *key, const char *value);
void kp_js_int(void *o, const char *key, long long value);
void kp_js_bool(void *o, const char *key, bool value);
void kp_js_hex64(void *o, const char *key, uint64_t value);
void kp_js_words(void *o, const char *key, const char *list);
void kp_js_lines(void *o, const char *key, const char *lines);
void kp_js_pairs(void *o, const char *key, const char *lines);
void kp_js_object(void *o, const char *key);
void kp_js_array(void *o, const char *key);
void kp_js_end(void *o, char bracket);
void kp_js_item(void *o, const char *value);
"""


class Outcome(IntEnum):
    UNKNOWN, WORKS, ABSENT, DENIED, BROKEN = range(5)


class Call(IntEnum):
    PLAIN, SOCKET, UNSHARE, XT_SOCKOPT, BPF, BPF_CHARGED = range(6)


class Core:
    """The library, its ffi, and the conversions that every test needs."""

    def __init__(self, place: Path) -> None:
        shim = place / "shim.c"
        shim.write_text(SHIM)
        sanitize = os.environ.get(SANITIZE, "")
        flags = ["-D_GNU_SOURCE", "-Dsendto=core_sendto", "-shared", "-fPIC"]
        if sanitize:
            flags += [f"-fsanitize={sanitize},undefined", "-fno-sanitize-recover=all"]
        if sanitize == "undefined":
            flags += ["-fsanitize-undefined-trap-on-error"]
        sources = [shim, *(CSRC / f"{name}.c" for name in SOURCES)]
        self.ffi: Any = cffi.FFI()
        self.ffi.cdef(CDEF)
        self.lib: Any = self.ffi.dlopen(str(build(place / "core.so", sources, flags)))

    def own(self, pointer: object) -> Any:
        """What C allocated, freed with its last reference."""
        return self.ffi.gc(pointer, self.lib.free)


def preload() -> dict[str, str]:
    """What a child needs in its environment, to load a library built with ASan; where there is none, UBSan traps."""
    ask = [*shlex.split(os.environ.get("CC", "cc")), "-print-file-name=libasan.so"]
    found = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    env = {SANITIZE: "undefined"}
    if Path(found).is_absolute():
        env = {SANITIZE: "address", "LD_PRELOAD": found, "PYTHONMALLOC": "malloc"}
        env["ASAN_OPTIONS"] = "detect_leaks=0:halt_on_error=1"
    return env
