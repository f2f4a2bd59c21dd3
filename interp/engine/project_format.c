/* The format of the project file: one row a key. */
#include "project_format.h"

#include <stddef.h>

static const struct shape text = {.type = WORD, .word = PL_W_TEXT};
static const struct shape name_word = {.type = WORD, .word = PL_W_NAME};
static const struct shape url = {.type = WORD, .word = PL_W_URL};
static const struct shape proxy = {.type = WORD, .word = PL_W_PROXY, .hidden = true};
static const struct shape remote = {.type = WORD, .word = PL_W_REMOTE, .hidden = true};
static const struct shape branch = {.type = WORD, .word = PL_W_BRANCH};
static const struct shape zone = {.type = WORD, .word = PL_W_ZONE};
static const struct shape path = {.type = WORD, .word = PL_W_PATH};
static const struct shape file = {.type = WORD, .word = PL_W_FILE};
static const struct shape route = {.type = WORD, .word = PL_W_ROUTE};
static const struct shape github = {.type = WORD, .word = PL_W_GITHUB};
static const struct shape mail = {.type = WORD, .word = PL_W_MAIL};
static const struct shape workflow = {.type = WORD, .word = PL_W_WORKFLOW};
static const struct shape secret_variable = {
    WORD, .word = PL_W_VARIABLE, .hidden = true};
static const struct shape secret_file = {
    .type = WORD, .word = PL_W_FILE, .hidden = true};
static const struct shape secret_argument = {
    .type = WORD, .word = PL_W_TEXT, .hidden = true};
static const struct shape secret_command = {.type = LIST,
    .member = &secret_argument,
    .rule = NOT_EMPTY,
    .instead = "a list: the program and its arguments, [\"op\", \"read\", \"…\"]",
    .hidden = true};
static const struct shape flag = {.type = FLAG};
static const struct shape bytes = {.type = WHOLE, .rule = POSITIVE};
static const struct shape format = {.type = WHOLE, .rule = THIS_FORMAT};
static const struct shape duration = {.type = DURATION};
static const struct shape period = {.type = PERIOD};
static const struct shape any_map = {
    .type = TABLE, .member = &(const struct shape){.type = ANY}};
static const struct shape names = {.type = LIST, .member = &name_word};
static const struct shape paths = {.type = LIST, .member = &path, .rule = NOT_EMPTY};

static const struct shape repository = {.type = MAP,
    .fields = (const struct field[]){
        {"remote", &name_word, "\"origin\"", false},
        {"url", &remote, NULL, false},
        {"github", &github, NULL, false},
        {"main", &branch, "\"main\"", false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape on_railway = {.type = MAP,
    .fields = (const struct field[]){
        {"project", &text, NULL, false},
        {"environment", &text, NULL, false},
        {"service", &text, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape on_supabase = {.type = MAP,
    .fields = (const struct field[]){
        {"ref", &name_word, NULL, true},
        {NULL, NULL, NULL, false},
    }};

static const struct shape on_doppler = {.type = MAP,
    .fields = (const struct field[]){
        {"project", &name_word, NULL, true},
        {"config", &name_word, NULL, true},
        {NULL, NULL, NULL, false},
    }};

static const struct shape on_vercel = {.type = MAP,
    .fields = (const struct field[]){
        {"project", &text, NULL, false},
        {"team", &text, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape used_credential = {
    .type = WORD, .word = PL_W_NAME, .rule = DEFINED};
static const struct shape used_credentials = {
    .type = TABLE, .member = &used_credential};

static const struct shape environment = {.type = MAP,
    .fields = (const struct field[]){
        {"branch", &branch, NULL, false},
        {"url", &url, NULL, false},
        {"health", &route, "\"/health\"", false},
        {"protected", &flag, "false", false},
        {"railway", &on_railway, NULL, false},
        {"supabase", &on_supabase, NULL, false},
        {"doppler", &on_doppler, NULL, false},
        {"vercel", &on_vercel, NULL, false},
        {"credentials", &used_credentials, "{}", false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape credential = {.type = MAP,
    .instead = "where it is found, {env: NAME}, {file: path}, {command: [...]} or "
               "{doppler: project/config/NAME}; the secret itself never stands here",
    .hidden = true,
    .rule = ONE_SOURCE,
    .fields = (const struct field[]){
        {"env", &secret_variable, NULL, false},
        {"file", &secret_file, NULL, false},
        {"command", &secret_command, NULL, false},
        {"doppler", &secret_argument, NULL, false},
        {"project", &name_word, NULL, false},
        {"config", &name_word, NULL, false},
        {"hint", &text, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape provider = {.type = MAP,
    .fields = (const struct field[]){
        {"url", &url, NULL, false},
        {"credential", &used_credential, NULL, false},
        {"auth", &text, NULL, false},
        {"project", &text, NULL, false},
        {"team", &text, NULL, false},
        {"file", &path, NULL, false},
        {"settings", &any_map, "{}", false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape http = {.type = MAP,
    .fields = (const struct field[]){
        {"ca_file", &file, NULL, false},
        {"ca_directory", &file, NULL, false},
        {"proxy", &proxy, NULL, false},
        {"no_proxy", &text, NULL, false},
        {"user_agent", &text, NULL, false},
        {"timeout", &period, NULL, false},
        {"max_bytes", &bytes, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape checks = {.type = MAP,
    .fields = (const struct field[]){
        {"gate", &text, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape part = {.type = MAP,
    .fields = (const struct field[]){
        {"paths", &paths, NULL, true},
        {"usual", &duration, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape database = {.type = MAP,
    .fields = (const struct field[]){
        {"migrations", &path, NULL, false},
        {"workflow", &workflow, NULL, false},
        {"by_hand", &workflow, NULL, false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape policy = {.type = MAP,
    .fields = (const struct field[]){
        {"poll", &period, "5000", false},
        {"deploy_timeout", &period, "1200000", false},
        {"check_timeout", &period, "1200000", false},
        {"health_timeout", &period, "300000", false},
        {"soak", &duration, "300000", false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape person = {.type = MAP,
    .fields = (const struct field[]){
        {"name", &text, NULL, true},
        {"git", &mail, NULL, false},
        {"github", &name_word, NULL, false},
        {"roles", &names, "[]", false},
        {NULL, NULL, NULL, false},
    }};

static const struct shape environments = {.type = TABLE, .member = &environment};
static const struct shape credentials = {.type = TABLE, .member = &credential};
static const struct shape providers = {.type = TABLE, .member = &provider};
static const struct shape parts = {.type = TABLE, .member = &part};
static const struct shape people = {.type = LIST, .member = &person};

const struct shape pl_project_shape = {.type = MAP,
    .instead = "keys and values, such as \"project: impulse\"",
    .fields = (const struct field[]){
        {"pipe", &format, "1", false},
        {"project", &text, NULL, true},
        {"time_zone", &zone, "\"UTC\"", false},
        {"state", &file, "\".pipe\"", false},
        {"repository", &repository, "{}", false},
        {"environments", &environments, "{}", false},
        {"credentials", &credentials, "{}", false},
        {"providers", &providers, "{}", false},
        {"http", &http, "{}", false},
        {"checks", &checks, "{}", false},
        {"parts", &parts, "{}", false},
        {"database", &database, "{}", false},
        {"policy", &policy, "{}", false},
        {"people", &people, "[]", false},
        {"settings", &any_map, "{}", false},
        {NULL, NULL, NULL, false},
    }};
