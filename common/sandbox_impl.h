/*
 * Shared by the files of common/sandbox*.c only.
 */
#ifndef CERTMILL_COMMON_SANDBOX_IMPL_H
#define CERTMILL_COMMON_SANDBOX_IMPL_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* tools/coverage: what ran is written down at the end, beside the objects. Never for use. */
#ifdef CERTMILL_COVERAGE
#define SANDBOX_COVERAGE 1
#else
#define SANDBOX_COVERAGE 0
#endif

/* Sanitizers read /proc, trace their own process and map memory as they please. */
#if SANDBOX_COVERAGE || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||           \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif

#endif
