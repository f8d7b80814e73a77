/*
 * Memory runs out at each allocation that our own code makes for an order, one run each: the
 * machine says so or gives a reason, and never touches what is not there. Sanitizers have
 * allocators of their own, so this test is empty under them.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
#endif
#else
#define OWN_ALLOCATOR 1
#endif

#if OWN_ALLOCATOR

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>

struct order;
struct order_event;
struct order_action;
struct order_request;
struct order_saved;
static int watched_handle(struct order *order, const struct order_event *event,
                          const struct order_action **actions);
static int watched_new(struct order **out, const struct order_request *request);

#define LAB_HANDLE watched_handle
#define LAB_NEW    watched_new
#include "order_lab.h"

#include <CUnit/Basic.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);

static bool watching;
static long left, used; /* allocations until one fails; made so far */
static jmp_buf out;

/* Only our own code's allocations: what libraries do without memory is theirs. */
extern const char __executable_start, etext;

static bool fails(const void *caller)
{
    const char *at = caller;

    if (!watching || at < &__executable_start || at >= &etext)
        return false;
    used++;
    return left > 0 && --left == 0;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

char *strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(len);

    return copy != NULL ? memcpy(copy, text, len) : NULL;
}

char *strndup(const char *text, size_t max)
{
    size_t len = strnlen(text, max);
    char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(len + 1);

    if (copy != NULL)
        copy[len] = '\0';
    return copy != NULL ? memcpy(copy, text, len) : NULL;
}

static bool over(long before)
{
    return before > 0 && left == 0; /* it has failed meanwhile */
}

static int watched_handle(struct order *order, const struct order_event *event,
                          const struct order_action **actions)
{
    long before = left;

    watching = true;
    int count = order_handle(order, event, actions);
    watching = false;
    if (count >= 0 && !over(before))
        return count;
    order_free(order);
    longjmp(out, count == -ENOMEM ? 2 : 3);
}

static int watched_new(struct order **out_order, const struct order_request *request)
{
    long before = left;

    watching = true;
    int ret = order_new(out_order, request);
    watching = false;
    if (ret == 0 && !over(before))
        return 0;
    if (ret == 0)
        order_free(*out_order);
    longjmp(out, ret == -ENOMEM ? 2 : 3);
}

/* -- what orders do -- */

static void whole(void)
{
    static const char *chain, *other;
    static char chains[2][65536];
    struct lab *lab = lab_new_with(&(struct lab_options){
        .names = "a.example", .preferred = "Nobody", .profile = "short", .replaces = "aki.serial"});

    if (chain == NULL) {
        snprintf(chains[0], sizeof(chains[0]), "%s",
                 lab_chain_of(lab_key(), "a.example", "Root X1"));
        snprintf(chains[1], sizeof(chains[1]), "%s", lab_alternate("Root X2"));
        chain = chains[0];
        other = chains[1];
    }
    lab_answer(lab, "new", 409, "{\"type\":\"urn:ietf:params:acme:error:alreadyReplaced\"}");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 400, "{\"detail\":\"again?\"}");
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "valid"));
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    lab_answer(lab, "/finalize", 403, "{\"type\":\"urn:ietf:params:acme:error:orderNotReady\"}");
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    lab_answer_event(lab, "/cert",
                     (struct order_event){.status = 200,
                                          .body = chain,
                                          .alternates = {LAB_URL "/alt/1"},
                                          .alternate_count = 1,
                                          .retry_after_ms = -1});
    lab_answer(lab, "/alt/1", 200, other);
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK && lab->other_count == 1);
    lab_free(lab);
}

static void anew(void)
{
    static const char names[] = "a.example,b.example";
    struct lab *lab = lab_new(names);

    for (int i = 0; i < 2; i++) {
        lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
        lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
        lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "pending"));
        lab_event(lab, ORDER_EV_PUBLISHED);
        lab_answer(lab, "/chall/0", 200, "{}");
        lab_answer(lab, "/chall/1", 200, "{}");
        lab_tick(lab);
        lab_answer(lab, "/order", 200,
                   lab_order(names, "invalid", ",\"error\":{\"detail\":\"one failed\"}"));
        lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "SERVFAIL"));
        lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "pending"));
    }
    CU_ASSERT(lab->finished && lab->failure == ORDER_REFUSED_CA);
    lab_free(lab);
}

static void refused(void)
{
    struct lab *lab = lab_new_with(&(struct lab_options){
        .names = "*.a.example", .profile = "short", .unknown = true, .challenge = ORDER_DNS_01});

    lab_feed(lab, &(struct order_event){
                      .kind = ORDER_EV_KNOWN, .has_profile = true, .body = "short, long"});
    lab_answer(lab, "new", 400, "{\"type\":\"urn:ietf:params:acme:error:invalidProfile\"}");
    CU_ASSERT(lab->finished);
    lab_free(lab);

    lab = lab_new_with(&(struct lab_options){.names = "*.a.example",
                                             .challenge = ORDER_DNS_PERSIST_01,
                                             .account_url = "https://ca.test/1"});
    lab_answer(lab, "new", 201, lab_order("*.a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", true, "pending"));
    CU_ASSERT(lab->finished); /* that challenge makes no sense */
    lab_free(lab);

    lab = lab_finalizing();
    lab_answer(lab, "/finalize", 500, "");
    lab_tick(lab);
    lab_answer(lab, "/order", 404, "");
    lab_answer(lab, "new", 429, "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}");
    CU_ASSERT(lab->finished);
    lab_free(lab);
}

static void each_fails(void (*run)(void))
{
    long count;

    left = used = 0;
    CU_ASSERT_EQUAL_FATAL(setjmp(out), 0);
    run();
    count = used;
    CU_ASSERT(count > 100);
    for (volatile long i = 1; i <= count; i++) {
        volatile bool came_out = true;
        left = i;
        if (setjmp(out) == 0) {
            run();
            came_out = false;
        }
        watching = false;
        CU_ASSERT(came_out);
    }
    left = 0;
}

static void test_whole(void)
{
    each_fails(whole);
}

static void test_anew(void)
{
    each_fails(anew);
}

static void test_refused(void)
{
    each_fails(refused);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order without memory", NULL, NULL);
    CU_ADD_TEST(suite, test_whole);
    CU_ADD_TEST(suite, test_anew);
    CU_ADD_TEST(suite, test_refused);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

#else

int main(void)
{
    return 0;
}

#endif
