/* What is said before TLS: dialogues with real servers, and what an attacker would put in. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "client/starttls.h"

static struct starttls s;
static struct err err;

/* Begins, and returns what is said first. */
static const char *begin(enum starttls_protocol protocol)
{
    err = (struct err){0};
    starttls_begin(&s, protocol, "mail.example.org", "client.example.net");
    s.out[s.out_len] = '\0';
    return s.out;
}

static int give(const char *text)
{
    int ret = starttls_input(&s, text, strlen(text), &err);
    s.out[s.out_len] = '\0';
    return ret;
}

/* That the text, octet by octet as well as whole, gives the same: what is returned, and said. */
static int both(const char *text)
{
    struct starttls copy = s, whole;
    int ret = give(text), each = 0;
    whole = s;
    s = copy;
    for (size_t i = 0; text[i] != '\0' && each == 0; i++) {
        each = starttls_input(&s, text + i, 1, &err);
        if (text[i + 1] != '\0' && s.out_len > 0) {
            each = ERR_PROTOCOL;
        }
    }
    CU_ASSERT_EQUAL(each, ret);
    CU_ASSERT_EQUAL(s.out_len, whole.out_len);
    CU_ASSERT_EQUAL(memcmp(s.out, whole.out, s.out_len), 0);
    s.out[s.out_len] = '\0';
    return ret;
}

#define SAID(text) CU_ASSERT_STRING_EQUAL(s.out, text)

/* As Postfix 3.7 answers. */
#define POSTFIX_EHLO                                                                               \
    "250-mail.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n250-ETRN\r\n"      \
    "250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n"       \
    "250 CHUNKING\r\n"

static void test_smtp(void) /* RFC 3207 */
{
    CU_ASSERT_STRING_EQUAL(begin(STARTTLS_SMTP), "");
    CU_ASSERT_EQUAL(both("220 mail.example.org ESMTP Postfix (Debian/GNU)\r\n"), 0);
    SAID("EHLO client.example.net\r\n");
    CU_ASSERT_EQUAL(both(POSTFIX_EHLO), 0);
    SAID("STARTTLS\r\n");
    CU_ASSERT_EQUAL(both("220 2.0.0 Ready to start TLS\r\n"), 1);
    SAID("");
    /* A greeting of several lines, lower case, and parameters (RFC 5321 4.2.1, 4.1.1.1). */
    begin(STARTTLS_SMTP);
    CU_ASSERT_EQUAL(both("220-wait\r\n220-and\r\n220\r\n"), 0);
    CU_ASSERT_EQUAL(both("250-x\r\n250 starttls now\r\n"), 0);
    CU_ASSERT_EQUAL(both("220\r\n"), 1);
}

static void test_smtp_refused(void)
{
    begin(STARTTLS_SMTP);
    CU_ASSERT_EQUAL(both("554 go\033 away\r\n"), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "554 go? away"));
    begin(STARTTLS_SMTP);
    give("220 x\r\n");
    CU_ASSERT_EQUAL(both("502 what\r\n"), ERR_UNAVAILABLE);
    begin(STARTTLS_SMTP);
    give("220 x\r\n");
    /* The first line is the server's name, not an offer. */
    CU_ASSERT_EQUAL(both("250-STARTTLS\r\n250 STARTTLSX\r\n"), ERR_UNAVAILABLE);
    begin(STARTTLS_SMTP);
    give("220 x\r\n");
    give("250-x\r\n250 STARTTLS\r\n");
    CU_ASSERT_EQUAL(both("454 4.7.0 TLS not available due to local problem\r\n"), ERR_UNAVAILABLE);
    CU_ASSERT_EQUAL(give("220 now\r\n"), ERR_INTERNAL);
}

/* RFC 3207 6, CVE-2011-0411: what an attacker puts before TLS must not count after it. */
static void test_smtp_injection(void)
{
    begin(STARTTLS_SMTP);
    give("220 x\r\n");
    give("250-x\r\n250 STARTTLS\r\n");
    CU_ASSERT_EQUAL(give("220 go\r\n250 more\r\n"), ERR_PROTOCOL);
    begin(STARTTLS_SMTP);
    CU_ASSERT_EQUAL(give("220 x\r\n250-x\r\n"), ERR_PROTOCOL);
    CU_ASSERT_EQUAL(s.out_len, 0);
    begin(STARTTLS_SMTP);
    give("220 x\r\n");
    CU_ASSERT_EQUAL(give("250-x\r\n250 STARTTLS\r\n2"), ERR_PROTOCOL);
}

static void test_smtp_malformed(void)
{
    static const char *const bad[] = {
        "hello\r\n", "22\r\n",       "220x\r\n",   "\r\n",
        "220 x\n",   "220 a\rb\r\n", "+OK hi\r\n", "220-x\r\n250 y\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin(STARTTLS_SMTP);
        CU_ASSERT_EQUAL(both(bad[i]), ERR_PROTOCOL);
    }
    begin(STARTTLS_SMTP);
    CU_ASSERT_EQUAL(starttls_input(&s, "220 \0\r\n", 7, &err), ERR_PROTOCOL);
}

static void test_imap(void) /* RFC 9051 6.2.1 */
{
    begin(STARTTLS_IMAP);
    CU_ASSERT_EQUAL(
        both("* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ "
             "STARTTLS LOGINDISABLED] Dovecot (Debian) ready.\r\n"),
        0);
    SAID("c1 CAPABILITY\r\n");
    CU_ASSERT_EQUAL(
        both("* CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ "
             "STARTTLS LOGINDISABLED\r\n"
             "c1 OK Pre-login capabilities listed, post-login capabilities have more.\r\n"),
        0);
    SAID("c2 STARTTLS\r\n");
    CU_ASSERT_EQUAL(both("c2 OK Begin TLS negotiation now.\r\n"), 1);
}

static void test_imap_refused(void)
{
    static const struct {
        const char *greeting, *capability, *answer;
        int ret;
    } rows[] = {
        {"* PREAUTH welcome back\r\n", NULL, NULL, ERR_UNAVAILABLE},
        {"* BYE full\r\n", NULL, NULL, ERR_UNAVAILABLE},
        {"220 smtp\r\n", NULL, NULL, ERR_PROTOCOL},
        {"* OKAY\r\n", NULL, NULL, ERR_PROTOCOL},
        {"* OK\r\n", "* CAPABILITY IMAP4rev1 XSTARTTLS\r\nc1 OK\r\n", NULL, ERR_UNAVAILABLE},
        {"* OK\r\n", "c1 BAD\r\n", NULL, ERR_UNAVAILABLE},
        {"* OK\r\n", "c2 OK\r\n", NULL, ERR_PROTOCOL},
        {"* OK\r\n", "* BYE\r\n", NULL, ERR_UNAVAILABLE},
        {"* OK\r\n", "* CAPABILITY STARTTLS\r\nc1 OK\r\n", "c2 NO\r\n", ERR_UNAVAILABLE},
        {"* OK\r\n", "* CAPABILITY STARTTLS\r\nc1 OK\r\n", "c1 OK\r\n", ERR_PROTOCOL},
        {"* OK\r\n", "* CAPABILITY STARTTLS\r\nc1 OK\r\n", "c2 OK\r\n* x\r\n", ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(STARTTLS_IMAP);
        int ret = give(rows[i].greeting);
        ret = ret == 0 && rows[i].capability != NULL ? give(rows[i].capability) : ret;
        ret = ret == 0 && rows[i].answer != NULL ? give(rows[i].answer) : ret;
        CU_ASSERT_EQUAL(ret, rows[i].ret);
    }
}

static void test_pop3(void) /* RFC 2595 4, RFC 2449 5 */
{
    begin(STARTTLS_POP3);
    CU_ASSERT_EQUAL(both("+OK Dovecot (Debian) ready.\r\n"), 0);
    SAID("CAPA\r\n");
    CU_ASSERT_EQUAL(
        both("+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\n"
             "STLS\r\nSASL\r\n.\r\n"),
        0);
    SAID("STLS\r\n");
    CU_ASSERT_EQUAL(both("+OK Begin TLS negotiation now.\r\n"), 1);
    static const char *const bad[][3] = {{"-ERR busy\r\n", NULL, NULL},
                                         {"220 x\r\n", NULL, NULL},
                                         {"+OK\r\n", "-ERR\r\n", NULL},
                                         {"+OK\r\n", "+OK\r\nTOP\r\n.\r\n", NULL},
                                         {"+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "-ERR\r\n"},
                                         {"+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "+OK\r\n+OK\r\n"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin(STARTTLS_POP3);
        int ret = give(bad[i][0]);
        ret = ret == 0 && bad[i][1] != NULL ? give(bad[i][1]) : ret;
        ret = ret == 0 && bad[i][2] != NULL ? give(bad[i][2]) : ret;
        CU_ASSERT_TRUE(ret == ERR_UNAVAILABLE || ret == ERR_PROTOCOL);
    }
}

#define STREAM                                                                                     \
    "<?xml version='1.0'?><stream:stream xmlns:db='jabber:server:dialback' xmlns='jabber:client' " \
    "xmlns:stream='http://etherx.jabber.org/streams' from='mail.example.org' xml:lang='en' "       \
    "version='1.0' id='a>b'>"
#define TLS      "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define FEATURES "<stream:features><starttls " TLS "><required/></starttls></stream:features>"

static void test_xmpp(void) /* RFC 6120 5.4 */
{
    CU_ASSERT_PTR_NOT_NULL(
        strstr(begin(STARTTLS_XMPP), "to='mail.example.org' xmlns='jabber:client'"));
    CU_ASSERT_EQUAL(both(STREAM FEATURES), 0);
    SAID("<starttls " TLS "/>");
    CU_ASSERT_EQUAL(both("<proceed " TLS "/>"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(begin(STARTTLS_XMPP_SERVER), "xmlns='jabber:server'"));
    CU_ASSERT_EQUAL(both(STREAM "\n<stream:features><mechanisms xmlns='urn:x'><mechanism>PLAIN"
                                "</mechanism></mechanisms><starttls " TLS "/></stream:features>"),
                    0);
    CU_ASSERT_EQUAL(both("<proceed " TLS "></proceed>"), 1);
}

static void test_xmpp_names(void) /* RFC 7622 3.2: U-labels, where there are any */
{
    static const struct {
        const char *host, *to;
    } rows[] = {{"a_b.xn--plse-gra.example", " to='a_b.pølse.example' "},
                {"xn--mgbh0fb.xn--kgbechtv", " to='مثال.إختبار' "},
                {"xn--999999999.example", " to='xn--999999999.example' "}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        starttls_begin(&s, STARTTLS_XMPP, rows[i].host, "client.example.net");
        CU_ASSERT_PTR_NOT_NULL(strstr(s.out, rows[i].to));
    }
}

static void test_xmpp_refused(void)
{
    static const struct {
        const char *first, *answer;
        int ret;
    } rows[] = {
        {STREAM "<stream:features/>", NULL, ERR_UNAVAILABLE},
        {STREAM "<stream:features><starttls xmlns='urn:other'/></stream:features>", NULL,
         ERR_UNAVAILABLE},
        {STREAM "<stream:error><host-unknown xmlns='urn:x'/></stream:error>", NULL,
         ERR_UNAVAILABLE},
        {STREAM "</stream:stream>", NULL, ERR_UNAVAILABLE},
        {STREAM "<message/>", NULL, ERR_PROTOCOL},
        {STREAM "text", NULL, ERR_PROTOCOL},
        {STREAM "<!-- x -->", NULL, ERR_PROTOCOL}, /* RFC 6120 11.1 */
        {STREAM "<?x?>", NULL, ERR_PROTOCOL},
        {"<!DOCTYPE x>", NULL, ERR_PROTOCOL},
        {"<html>", NULL, ERR_PROTOCOL},
        {"HTTP/1.1 400\r\n", NULL, ERR_PROTOCOL},
        {"</x>", NULL, ERR_PROTOCOL},
        {"<a <b>", NULL, ERR_PROTOCOL},
        {STREAM FEATURES, "<failure " TLS "/></stream:stream>", ERR_UNAVAILABLE},
        {STREAM FEATURES, "<proceed xmlns='urn:x'/>", ERR_PROTOCOL},
        {STREAM FEATURES, "<proceed " TLS "/><stream:features/>", ERR_PROTOCOL},
        {STREAM FEATURES "<proceed " TLS "/>", NULL, ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(STARTTLS_XMPP);
        int ret = give(rows[i].first);
        ret = ret == 0 && rows[i].answer != NULL ? give(rows[i].answer) : ret;
        CU_ASSERT_EQUAL(ret, rows[i].ret);
    }
}

static void test_ldap(void) /* RFC 4511 4.14; RFC 4511 5.1: BER */
{
    static const uint8_t good[] = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
    static const uint8_t longer[] =
        "\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
    static const uint8_t refused[] = "\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x35\x04\x00\x04\x02no";
    static const uint8_t other_id[] = "\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
    static const uint8_t other_op[] = "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(s.out_len, 31);
    CU_ASSERT_EQUAL(memcmp(s.out,
                           "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                           "1.3.6.1.4.1.1466.20037",
                           31),
                    0);
    for (size_t i = 0; i + 1 < sizeof(good) - 1; i++) {
        CU_ASSERT_EQUAL(starttls_input(&s, good + i, 1, &err), 0);
    }
    CU_ASSERT_EQUAL(starttls_input(&s, good + sizeof(good) - 2, 1, &err), 1);
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(starttls_input(&s, longer, sizeof(longer) - 1, &err), 1);
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(starttls_input(&s, refused, sizeof(refused) - 1, &err), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "result 53: 'no'"));
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(starttls_input(&s, good, sizeof(good), &err),
                    ERR_PROTOCOL); /* one octet more */
    begin(STARTTLS_LDAP);
    CU_ASSERT_TRUE(starttls_input(&s, other_id, sizeof(other_id) - 1, &err) < 0);
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(starttls_input(&s, other_op, sizeof(other_op) - 1, &err), ERR_PROTOCOL);
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(give("HTTP/1.1"), ERR_PROTOCOL);
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(starttls_input(&s, "\x30\x84\xff\xff\xff\xff", 6, &err), ERR_LIMIT);
    begin(STARTTLS_LDAP);
    CU_ASSERT_EQUAL(starttls_input(&s, "\x30\x80\0\0\0\0", 6, &err), ERR_PROTOCOL);
    begin(STARTTLS_LDAP); /* an inner length past the end */
    CU_ASSERT_EQUAL(starttls_input(&s, "\x30\x04\x02\x7f\x01\x01", 6, &err), ERR_PROTOCOL);
}

static void test_limits(void)
{
    static const enum starttls_protocol all[] = {STARTTLS_SMTP, STARTTLS_IMAP, STARTTLS_POP3,
                                                 STARTTLS_XMPP};
    static const char *const filler[] = {"220-x\r\n", "* OK", "+OK", "<stream a='"};
    for (size_t i = 0; i < 4; i++) {
        begin(all[i]);
        int ret = give(filler[i]);
        for (size_t n = 0; ret == 0 && n <= LIMIT_STARTTLS; n++) {
            ret = give(all[i] == STARTTLS_SMTP ? "220-x\r\n" : "x");
        }
        CU_ASSERT_EQUAL(ret, ERR_LIMIT);
    }
}

static void test_ports(void)
{
    static const unsigned ports[] = {25, 587, 110, 143, 389, 5222, 5269};
    static const char *const names[] = {"smtp", "smtp", "pop3", "imap", "ldap", "xmpp", "xmpp"};
    for (size_t i = 0; i < 7; i++) {
        enum starttls_protocol protocol = starttls_of_port(ports[i]);
        CU_ASSERT_STRING_EQUAL(starttls_name(protocol), names[i]);
        CU_ASSERT_EQUAL(starttls_of_word(names[i], ports[i]), protocol);
    }
    CU_ASSERT_EQUAL(starttls_of_port(443), STARTTLS_NONE);
    CU_ASSERT_EQUAL(starttls_of_port(465), STARTTLS_NONE);
    CU_ASSERT_EQUAL(starttls_of_word("xmpp", 4711), STARTTLS_XMPP);
    CU_ASSERT_PTR_NULL(starttls_name(STARTTLS_NONE));
    size_t len;
    CU_ASSERT_PTR_NULL(starttls_bye(STARTTLS_NONE, &len));
    CU_ASSERT_EQUAL(memcmp(starttls_bye(STARTTLS_SMTP, &len), "QUIT\r\n", 6), 0);
    CU_ASSERT_EQUAL(len, 6);
    CU_ASSERT_EQUAL(memcmp(starttls_bye(STARTTLS_LDAP, &len), "\x30\x05\x02\x01\x02\x42\0", 7), 0);
    CU_ASSERT_EQUAL(len, 7);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("starttls", NULL, NULL);
    CU_add_test(suite, "smtp", test_smtp);
    CU_add_test(suite, "smtp refused", test_smtp_refused);
    CU_add_test(suite, "smtp injection", test_smtp_injection);
    CU_add_test(suite, "smtp malformed", test_smtp_malformed);
    CU_add_test(suite, "imap", test_imap);
    CU_add_test(suite, "imap refused", test_imap_refused);
    CU_add_test(suite, "pop3", test_pop3);
    CU_add_test(suite, "xmpp", test_xmpp);
    CU_add_test(suite, "xmpp names", test_xmpp_names);
    CU_add_test(suite, "xmpp refused", test_xmpp_refused);
    CU_add_test(suite, "ldap", test_ldap);
    CU_add_test(suite, "limits", test_limits);
    CU_add_test(suite, "ports", test_ports);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
