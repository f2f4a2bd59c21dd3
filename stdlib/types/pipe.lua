---@meta
-- For editors that know LuaLS: put this folder into its `workspace.library`.
-- Written by tools/types from `pipe help`; do not edit.

---@alias pipe.class "read"|"write"|"irreversible"|"locks-out"
---@alias pipe.duration string|integer  # "90s", "10m", "14d"; or milliseconds

---An opaque credential: to be handed to a primitive, as it is or in a list of parts.
---@class pipe.secret

---What a primitive raises, and `try` gives back.
---@class pipe.error
---@field code string
---@field message string
---@field step? string
---@field file? string
---@field line? integer
---@field retryable boolean
---@field unknown boolean
---@field refused boolean

---What the body of a step is given.
---@class pipe.r
---@field params table  the checked parameters
---@field out table<string, any>  results of earlier steps, by id
---@field env? table  the environment that the parameter `env` names
---@field project table  pipe.yaml
---@field member? any  in an each: the member
---@field name? string  in an each: the member's name
---@field attempt integer
---@field run string
---@field dry_run boolean
---@field waited integer

---@class pipe.retry
---@field times? integer  more tries after the first (3)
---@field first? pipe.duration  the first pause (1s), doubled each time
---@field max? pipe.duration  the longest pause (1m)

---@class pipe.every_kind
---@field title? string
---@field when? fun(r: pipe.r): any  false or nil: skipped
---@field needs? string|string[]
---@field was? string  its former id

---@class pipe.step: pipe.every_kind
---@field run fun(r: pipe.r): any
---@field verify? fun(r: pipe.r): any  reads only; proves that it is done
---@field undo? fun(r: pipe.r, result: any)
---@field retry? integer|pipe.retry
---@field effect? pipe.class  the strongest that it may have ("write")
---@field timeout? pipe.duration  of each try

---@class pipe.gate: pipe.every_kind
---@field ask string|fun(r: pipe.r): string
---@field confirm? string  the word that has to be typed
---@field approvers? 1

---@class pipe.manual: pipe.every_kind
---@field ask string|fun(r: pipe.r): string
---@field verify? fun(r: pipe.r): any

---@class pipe.wait: pipe.every_kind
---@field ready fun(r: pipe.r): any, string?  the result; or false and a note
---@field every? pipe.duration  between two looks (10s)
---@field assume? any  the result that a dry-run goes on with, or a function
---@field timeout? pipe.duration

---@class pipe.parallel: pipe.every_kind

---@class pipe.each: pipe.every_kind
---@field over any[]|fun(r: pipe.r): any[]
---@field key? string  the member's field that names it
---@field at_once? integer  (1)

---@class pipe.pipeline
---@field version string  of this script
---@field requires? string  "pipe >= 0.1"
---@field summary? string
---@field params? table
---@field lock? string  "env:{env}"
---@field uses? string|string[]  credentials that must be there

---@param name string
---@return fun(body: pipe.pipeline): table
function pipeline(name) end
---@param id string
---@return fun(body: pipe.step): table
function step(id) end
---@param id string
---@return fun(body: pipe.gate): table
function gate(id) end
---@param id string
---@return fun(body: pipe.manual): table
function manual(id) end
---@param id string
---@return fun(body: pipe.wait): table
function wait(id) end
---@param id string
---@return fun(body: pipe.parallel): table
function parallel(id) end
---@param id string
---@return fun(body: pipe.each): table
function each(id) end

---@class pipe.param
---@field help? string
---@field default? any
---@field optional? boolean
---@field check? fun(value: any): boolean, string?

---@param o? pipe.param|{ min?: integer, max?: integer, pattern?: string }
function text(o) end
---@param o? pipe.param|{ min?: integer, max?: integer }
function integer(o) end
---@param o? pipe.param
function flag(o) end
---@param o pipe.param|string[]
function choice(o) end
---@param o? pipe.param|{ range?: string }
function version_text(o) end

---@generic T
---@param f fun(...): T
---@return T?, pipe.error?
function try(f, ...) end
---@param why string|{ code?: string, message: string }
function refuse(why) end
---@param what string|{ code?: string, message: string, retryable?: boolean }
function fail(what) end
---@param id string  a step of the outermost list
---@param why string
function again(id, why) end

---JSON's null, where nil would be a gap.
null = nil
---pipe.yaml.
---@type table
project = {}

appstore = {}

---@class pipe.appstore.add_to_group
---@field build string  a build's id, as appstore.builds tells it
---@field group string  the group's name
---@field as? string  the call's name in the journal

---Gives a build to a TestFlight group
---@param o string|pipe.appstore.add_to_group
---@return any  # {group, build, changed}
function appstore.add_to_group(o) end

---@class pipe.appstore.app
---@field as? string  the call's name in the journal

---The app that the settings name
---@param o? pipe.appstore.app
---@return any  # {id, name, bundle, sku, locale}
function appstore.app(o) end

---@class pipe.appstore.attach_build
---@field build string  a build's id, as appstore.builds tells it
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Says which build a store version is made of
---@param o string|pipe.appstore.attach_build
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}, and changed
function appstore.attach_build(o) end

---@class pipe.appstore.beta_review
---@field build string  a build's id, as appstore.builds tells it
---@field as? string  the call's name in the journal

---The beta review of a build; nothing where there was none
---@param o string|pipe.appstore.beta_review
---@return any  # {id, state, phase, words, submitted_at}
function appstore.beta_review(o) end

---@class pipe.appstore.build
---@field id string  a build's id, as appstore.builds tells it
---@field as? string  the call's name in the journal

---One build
---@param o string|pipe.appstore.build
---@return any  # {id, build (its number), version, state, phase (moving, good, bad, unknown), words, uploaded_at, expires_at, expired, uses_non_exempt_encryption (absent: not answered), internal{state, phase, words}, external{state, phase, words}}
function appstore.build(o) end

---@class pipe.appstore.builds
---@field build? string  with this number only
---@field first? integer  at most so many (20)
---@field version? string  of this version only
---@field as? string  the call's name in the journal

---Builds, newest first; one appears minutes after its upload
---@param o? string|pipe.appstore.builds
---@return any  # list of {id, build (its number), version, state, phase (moving, good, bad, unknown), words, uploaded_at, expires_at, expired, uses_non_exempt_encryption (absent: not answered), internal{state, phase, words}, external{state, phase, words}}
function appstore.builds(o) end

---@class pipe.appstore.cancel_phased
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Takes a phased release back before it begins: all users get the version at once
---@param o string|pipe.appstore.cancel_phased
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}
function appstore.cancel_phased(o) end

---@class pipe.appstore.complete_phased
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Gives the version to all users now
---@param o string|pipe.appstore.complete_phased
---@return any  # {id, state, phase, words, day, percent, started_at, paused_days}
function appstore.complete_phased(o) end

---@class pipe.appstore.create_version
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field copyright? string  as in 2026 Impulse AS
---@field earliest_release? string  with SCHEDULED: a time, as 2026-12-01T09:00:00Z
---@field release_type? "MANUAL"|"AFTER_APPROVAL"|"SCHEDULED"  MANUAL: approved, it waits for appstore.release ("MANUAL")
---@field as? string  the call's name in the journal

---Begins a store version; Apple has room for one at a time
---@param o string|pipe.appstore.create_version
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}
function appstore.create_version(o) end

---@class pipe.appstore.expire_build
---@field build string  a build's id, as appstore.builds tells it
---@field as? string  the call's name in the journal

---Takes a build from all testers, for good
---@param o string|pipe.appstore.expire_build
---@return any  # {id, build (its number), version, state, phase (moving, good, bad, unknown), words, uploaded_at, expires_at, expired, uses_non_exempt_encryption (absent: not answered), internal{state, phase, words}, external{state, phase, words}}, and changed
function appstore.expire_build(o) end

---@class pipe.appstore.groups
---@field as? string  the call's name in the journal

---TestFlight's groups
---@param o? pipe.appstore.groups
---@return any  # list of {id, name, internal, all_builds, public_link}
function appstore.groups(o) end

---@class pipe.appstore.live
---@field as? string  the call's name in the journal

---The version that is in the store; nothing before the first one
---@param o? pipe.appstore.live
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}, also since (when its phased release began, or its date; absent where Apple does not say) and percent (of the users that can have it)
function appstore.live(o) end

---@class pipe.appstore.next_build_number
---@field version? string  of this version only; all, if left out
---@field as? string  the call's name in the journal

---The lowest build number that was never used; failed uploads count
---@param o? string|pipe.appstore.next_build_number
---@return any  # {next, highest, from (where the highest one was found)}
function appstore.next_build_number(o) end

---@class pipe.appstore.pause_phased
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Nobody new gets the version, for 30 days at most
---@param o string|pipe.appstore.pause_phased
---@return any  # {id, state, phase, words, day, percent, started_at, paused_days}
function appstore.pause_phased(o) end

---@class pipe.appstore.phased
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---The phased release of a version, if it has one
---@param o string|pipe.appstore.phased
---@return any  # {id, state, phase, words, day, percent, started_at, paused_days}
function appstore.phased(o) end

---@class pipe.appstore.release
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Releases an approved version to the store
---@param o string|pipe.appstore.release
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}
function appstore.release(o) end

---@class pipe.appstore.resume_phased
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Lets a paused release go on
---@param o string|pipe.appstore.resume_phased
---@return any  # {id, state, phase, words, day, percent, started_at, paused_days}
function appstore.resume_phased(o) end

---@class pipe.appstore.set_export_compliance
---@field build string  a build's id, as appstore.builds tells it
---@field uses_non_exempt_encryption boolean  false: only what is exempt, such as HTTPS
---@field as? string  the call's name in the journal

---Answers Apple's question about a build's encryption, once and for all
---@param o string|pipe.appstore.set_export_compliance
---@return any  # {id, build (its number), version, state, phase (moving, good, bad, unknown), words, uploaded_at, expires_at, expired, uses_non_exempt_encryption (absent: not answered), internal{state, phase, words}, external{state, phase, words}}
function appstore.set_export_compliance(o) end

---@class pipe.appstore.start_phased
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Asks for a phased release, before the version is released
---@param o string|pipe.appstore.start_phased
---@return any  # {id, state, phase, words, day, percent, started_at, paused_days}
function appstore.start_phased(o) end

---@class pipe.appstore.submission
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---The open review submission that holds a version, if there is one
---@param o string|pipe.appstore.submission
---@return any  # {id, state, phase, words, submitted_at, items}
function appstore.submission(o) end

---@class pipe.appstore.submit
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Submits a version to App Review; goes on with the open submission if there is one
---@param o string|pipe.appstore.submit
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}, and submission{…}
function appstore.submit(o) end

---@class pipe.appstore.submit_beta_review
---@field build string  a build's id, as appstore.builds tells it
---@field as? string  the call's name in the journal

---Submits a build to the beta review, for testers outside of the team
---@param o string|pipe.appstore.submit_beta_review
---@return any  # {id, state, phase, words, submitted_at}
function appstore.submit_beta_review(o) end

---@class pipe.appstore.trains
---@field first? integer  at most so many (50)
---@field version? string  this one only, however it is spelled
---@field as? string  the call's name in the journal

---The versions that builds were uploaded for, with or without one in the store
---@param o? pipe.appstore.trains
---@return any  # list of {id, version, platform}
function appstore.trains(o) end

---@class pipe.appstore.update_version
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field copyright? string  as in 2026 Impulse AS
---@field earliest_release? string  with SCHEDULED: a time, as 2026-12-01T09:00:00Z
---@field new_version? string  the number it should have
---@field release_type? "MANUAL"|"AFTER_APPROVAL"|"SCHEDULED"  MANUAL: approved, it waits for appstore.release
---@field as? string  the call's name in the journal

---Changes a version that can be edited: its number, and how it goes to the store once it is approved
---@param o string|pipe.appstore.update_version
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}, and changed
function appstore.update_version(o) end

---@class pipe.appstore.version
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---A store version; nothing where there is none
---@param o string|pipe.appstore.version
---@return any  # {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}
function appstore.version(o) end

---@class pipe.appstore.versions
---@field first? integer  at most so many (20)
---@field states? any[]  in these states only (appVersionState)
---@field as? string  the call's name in the journal

---Store versions, newest first
---@param o? pipe.appstore.versions
---@return any  # list of {id, version, state, phase (moving, good, bad, unknown), words, release_type, created_at, earliest_release, copyright, build{id, build}, phased{…}}
function appstore.versions(o) end

---@class pipe.appstore.withdraw
---@field version string  the version users see: 1.2 and 1.2.0 are the same to Apple
---@field as? string  the call's name in the journal

---Takes a version back from review
---@param o string|pipe.appstore.withdraw
---@return any  # {id, state, phase, words, submitted_at, items}
function appstore.withdraw(o) end

clock = {}

---clock.duration("1h30m"): as milliseconds
function clock.duration(text) end

---@class pipe.clock.now
---@field as? string  the call's name in the journal

---The time now, on the run's own clock
---@param o? pipe.clock.now
---@return any  # {ms: milliseconds since 1970, text: RFC 3339 in UTC}
function clock.now(o) end

---clock.parse(text): RFC 3339 as milliseconds since 1970
function clock.parse(text) end

---@class pipe.clock.sleep
---@field duration pipe.duration  how long: "10m", or milliseconds
---@field as? string  the call's name in the journal

---Waits; other steps go on meanwhile
---@param o pipe.clock.sleep
---@return any  # null
function clock.sleep(o) end

---clock.text(ms): milliseconds since 1970 as RFC 3339 in UTC
function clock.text(ms) end

doppler = {}

---@class pipe.doppler.add
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field generate? table<string, any>  make one: { bytes = 32, format = "hex" or "base64url" }; read it with member
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field reference? boolean  the value holds ${…}, or one that does is overwritten (false)
---@field value? string|pipe.secret  the member
---@field as? string  the call's name in the journal

---Adds a member to a comma list, at its end; nothing is sent if it is there
---@param o string|pipe.doppler.add
---@return any  # {changed, name, fingerprint (of the member), count, fingerprints}
function doppler.add(o) end

---@class pipe.doppler.config
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The config: whether it is locked, when it was read last
---@param o string|pipe.doppler.config
---@return any  # {project, config, environment, root, locked, last_fetch_at, created_at}
function doppler.config(o) end

---@class pipe.doppler.create_webhook
---@field environment string  an environment of pipe.yaml
---@field name string  by which it is known
---@field url string|pipe.secret  where it is sent; https
---@field configs? any[]  whose changes it tells; default: the environment's config
---@field payload? string  JSON in place of Doppler's own
---@field secret? pipe.secret  with which deliveries are signed
---@field token? pipe.secret  which is sent as Authorization: Bearer
---@field as? string  the call's name in the journal

---Makes a webhook that is told of changes of a config; nothing is sent if it is there. Deliveries are signed with its secret (X-Doppler-Signature)
---@param o string|pipe.doppler.create_webhook
---@return any  # {changed, slug, name, enabled}
function doppler.create_webhook(o) end

---@class pipe.doppler.delete
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field expect? string|boolean|pipe.secret  the value that is to be there, false: it must not be there; another is a doppler.conflict
---@field expect_fingerprint? string  the same by its fingerprint
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field as? string  the call's name in the journal

---Deletes a secret, if it is still what was read; nothing is sent if it is not there
---@param o string|pipe.doppler.delete
---@return any  # {changed, name, previous}
function doppler.delete(o) end

---@class pipe.doppler.disable_webhook
---@field environment string  an environment of pipe.yaml
---@field webhook string  its name or slug
---@field as? string  the call's name in the journal

---Switches a webhook off
---@param o string|pipe.doppler.disable_webhook
---@return any  # {changed, slug, name, enabled}
function doppler.disable_webhook(o) end

---@class pipe.doppler.download
---@field environment string  an environment of pipe.yaml
---@field names? any[]  only these
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field as? string  the call's name in the journal

---All secrets at once, as they are for a program: references are resolved. Asked again, nothing is sent where nothing was changed
---@param o string|pipe.doppler.download
---@return any  # {NAME=secret (with plain a text)}
function doppler.download(o) end

---@class pipe.doppler.enable_webhook
---@field environment string  an environment of pipe.yaml
---@field webhook string  its name or slug
---@field as? string  the call's name in the journal

---Switches a webhook on
---@param o string|pipe.doppler.enable_webhook
---@return any  # {changed, slug, name, enabled}
function doppler.enable_webhook(o) end

---@class pipe.doppler.get
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field as? string  the call's name in the journal

---One secret; nothing if it is not there
---@param o string|pipe.doppler.get
---@return any  # {name, raw, computed (secrets, with plain texts), readable, empty, length, is_reference, visibility, note, fingerprint} or nil; where readable is false (restricted) there is no raw
function doppler.get(o) end

---@class pipe.doppler.integrations
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---What the workplace is connected to
---@param o string|pipe.doppler.integrations
---@return any  # list of {slug, name, type, kind, enabled, syncs}
function doppler.integrations(o) end

---@class pipe.doppler.log
---@field environment string  an environment of pipe.yaml
---@field first? integer  at most so many (20)
---@field as? string  the call's name in the journal

---What was changed in the config, newest first
---@param o string|pipe.doppler.log
---@return any  # list of {id, text, at, rollback, by}
function doppler.log(o) end

---@class pipe.doppler.log_entry
---@field environment string  an environment of pipe.yaml
---@field id string  of the entry
---@field as? string  the call's name in the journal

---What one entry of the log changed
---@param o string|pipe.doppler.log_entry
---@return any  # {id, text, at, rollback, by, changes: list of {name, change (added, changed, removed, unreadable), before, after (fingerprints)}}
function doppler.log_entry(o) end

---@class pipe.doppler.me
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Whose the credential is
---@param o string|pipe.doppler.me
---@return any  # {name, type, preview, workplace}
function doppler.me(o) end

---@class pipe.doppler.member
---@field environment string  an environment of pipe.yaml
---@field fingerprint string  as add, values and get tell it
---@field name string  of the secret, as Doppler has it
---@field as? string  the call's name in the journal

---The member of a comma list that has a fingerprint; after a resume, too
---@param o string|pipe.doppler.member
---@return any  # a secret, or nil
function doppler.member(o) end

---@class pipe.doppler.names
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The names that there are, without values
---@param o string|pipe.doppler.names
---@return any  # list of names
function doppler.names(o) end

---@class pipe.doppler.promote
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field fingerprint? string  which member, by its fingerprint
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field reference? boolean  the value holds ${…}, or one that does is overwritten (false)
---@field value? string|pipe.secret  which member
---@field as? string  the call's name in the journal

---Leaves one member of a comma list, and removes all others
---@param o string|pipe.doppler.promote
---@return any  # {changed, name, fingerprint, count, fingerprints, removed (fingerprints)}
function doppler.promote(o) end

---@class pipe.doppler.remove
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field fingerprint? string  which member, by its fingerprint
---@field last? boolean  also if it is the last one (false)
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field reference? boolean  the value holds ${…}, or one that does is overwritten (false)
---@field value? string|pipe.secret  which member
---@field as? string  the call's name in the journal

---Removes a member from a comma list; nothing is sent if it is not there
---@param o string|pipe.doppler.remove
---@return any  # {changed, name, fingerprint (of the member), count, fingerprints}
function doppler.remove(o) end

---@class pipe.doppler.rollback
---@field environment string  an environment of pipe.yaml
---@field id string  of the entry
---@field force? boolean  also if newer changes of the same names are undone by it (false)
---@field as? string  the call's name in the journal

---Undoes what one entry of the log changed; not a return to the config as it was then
---@param o string|pipe.doppler.rollback
---@return any  # {changed, names, entry (of the undoing)}
function doppler.rollback(o) end

---@class pipe.doppler.set
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field expect? string|boolean|pipe.secret  the value that is to be there, false: it must not be there; another is a doppler.conflict
---@field expect_fingerprint? string  the same by its fingerprint
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field reference? boolean  the value holds ${…}, or one that does is overwritten (false)
---@field value? string|pipe.secret  a secret; text only with plain
---@field as? string  the call's name in the journal

---Sets a secret, if it is still what was read
---@param o string|pipe.doppler.set
---@return any  # {changed, name, fingerprint, previous (the fingerprint before)}
function doppler.set(o) end

---@class pipe.doppler.set_many
---@field environment string  an environment of pipe.yaml
---@field values table<string, any>  name = secret, with plain text
---@field expect? table<string, any>  name = what is to be there, false: not there
---@field plain? boolean  it is no secret: it is given as text, shown and journaled (false)
---@field reference? boolean  the value holds ${…}, or one that does is overwritten (false)
---@field as? string  the call's name in the journal

---Sets several secrets in one write, all or none
---@param o string|pipe.doppler.set_many
---@return any  # {changed, names (that changed), fingerprints (by name)}
function doppler.set_many(o) end

---@class pipe.doppler.sync
---@field environment string  an environment of pipe.yaml
---@field slug? string  which, where there are several
---@field to? string  the type of the integration ("railway")
---@field as? string  the call's name in the journal

---How the sync of the config to Railway is. It tells when values were sent, not that anything runs with them
---@param o string|pipe.doppler.sync
---@return any  # {slug, enabled, last_synced_at, kind, type, integration, project, config} or nil if there is none
function doppler.sync(o) end

---@class pipe.doppler.values
---@field environment string  an environment of pipe.yaml
---@field name string  of the secret, as Doppler has it
---@field as? string  the call's name in the journal

---The members of a comma list, such as old,new
---@param o string|pipe.doppler.values
---@return any  # {count, values (list of secrets), fingerprints, is_reference} or nil if it is not there
function doppler.values(o) end

---@class pipe.doppler.webhooks
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The project's webhooks
---@param o string|pipe.doppler.webhooks
---@return any  # list of {slug, name, enabled, host}
function doppler.webhooks(o) end

fastlane = {}

---@class pipe.fastlane.beta
---@field bundle? boolean  through `bundle exec` (true)
---@field directory? string  in the repository; else settings.ios.directory
---@field env? table<string, any>  more of its environment: text, secrets, or lists of both
---@field inherit? any[]  names of variables to pass on, as proc.run's
---@field options? table<string, any>  as key:value behind the lane
---@field timeout? pipe.duration  after which it is stopped, with all it started ("4h")
---@field version_file? string  in the directory; else settings.ios.version_file, else Info.plist
---@field as? string  the call's name in the journal

---Builds the app and uploads it to TestFlight (the lane beta)
---@param o? pipe.fastlane.beta
---@return any  # {lane, seconds, steps[{name, seconds, failed, message}], report (whether report.xml was there), version and build (where the lane prints them)}
function fastlane.beta(o) end

---@class pipe.fastlane.bump
---@field type "patch"|"minor"|"major"  1.0.1, 1.1.0 or 2.0.0
---@field bundle? boolean  through `bundle exec` (true)
---@field directory? string  in the repository; else settings.ios.directory
---@field env? table<string, any>  more of its environment: text, secrets, or lists of both
---@field inherit? any[]  names of variables to pass on, as proc.run's
---@field timeout? pipe.duration  after which it is stopped, with all it started ("4h")
---@field version_file? string  in the directory; else settings.ios.version_file, else Info.plist
---@field as? string  the call's name in the journal

---Raises the app's version: a commit and a tag, not pushed (the lane bump)
---@param o pipe.fastlane.bump
---@return any  # {version, before, tag, commit, tagged, seconds, steps}
function fastlane.bump(o) end

---@class pipe.fastlane.check
---@field lane string  the lane's name
---@field bundle? boolean  through `bundle exec` (true)
---@field directory? string  in the repository; else settings.ios.directory
---@field env? table<string, any>  more of its environment: text, secrets, or lists of both
---@field inherit? any[]  names of variables to pass on, as proc.run's
---@field options? table<string, any>  as key:value behind the lane
---@field timeout? pipe.duration  after which it is stopped, with all it started ("4h")
---@field as? string  the call's name in the journal

---Runs preflight, test or doctor, which change nothing outside
---@param o string|pipe.fastlane.check
---@return any  # {lane, seconds, steps[{name, seconds, failed, message}], report (whether report.xml was there), version and build (where the lane prints them)}
function fastlane.check(o) end

---@class pipe.fastlane.lane
---@field lane string  the lane's name
---@field bundle? boolean  through `bundle exec` (true)
---@field directory? string  in the repository; else settings.ios.directory
---@field env? table<string, any>  more of its environment: text, secrets, or lists of both
---@field inherit? any[]  names of variables to pass on, as proc.run's
---@field options? table<string, any>  as key:value behind the lane
---@field timeout? pipe.duration  after which it is stopped, with all it started ("4h")
---@field as? string  the call's name in the journal

---Runs a lane that changes something
---@param o string|pipe.fastlane.lane
---@return any  # {lane, seconds, steps[{name, seconds, failed, message}], report (whether report.xml was there), version and build (where the lane prints them)}
function fastlane.lane(o) end

forecast = {}

---@class pipe.forecast.push
---@field branch string  the branch on the remote
---@field commit string  the commit, branch or tag of this clone that is meant
---@field before? string  where the branch is; else the remote is asked
---@field as? string  the call's name in the journal

---What the push of a commit to a branch would start
---@param o string|pipe.forecast.push
---@return any  # {branch, commit, before, changed_files, workflows = list of {file, name, line (of the trigger), trigger, starts (true, false, "may", "unknown"), why, jobs = list of {id, name, environment, condition, uses}, mentions = list of {text, kind (migrates, releases, deploys), file, line, says, job, condition, environment, production, via}, calls}, deployments = list of {provider, environment, service or project, branch, wait_for_ci, why}, collisions = list of {kind, workflows, migrates, text}, notes}; collisions: several workflows that migrate (several), a migration and a deployment that nothing keeps in order (order)
function forecast.push(o) end

---@class pipe.forecast.tag
---@field commit string  the commit, branch or tag of this clone that is meant
---@field tag string|any[]  its name; or all that are pushed at once
---@field as? string  the call's name in the journal

---What the push of a tag would start, and whether that collides
---@param o string|pipe.forecast.tag
---@return any  # {tag, commit, workflows = list of {file, name, line (of the trigger), trigger, starts (true, false, "may", "unknown"), why, jobs = list of {id, name, environment, condition, uses}, mentions = list of {text, kind (migrates, releases, deploys), file, line, says, job, condition, environment, production, via}, calls}, deployments = list of {provider, environment, service or project, branch, wait_for_ci, why}, collisions = list of {kind, workflows, migrates, text}, notes}; collisions: more than one workflow starts on the tag (several), with migrates and migrations = list of {file, line, text, workflow, environment, production}
function forecast.tag(o) end

fs = {}

---@class pipe.fs.exists
---@field path string  the path from the project's root; nothing outside can be reached
---@field as? string  the call's name in the journal

---Whether a file or directory of the project is there
---@param o string|pipe.fs.exists
---@return any  # true or false
function fs.exists(o) end

---@class pipe.fs.list
---@field path? string  the path from the project's root; nothing outside can be reached (".")
---@field as? string  the call's name in the journal

---What a directory of the project holds, by name
---@param o? string|pipe.fs.list
---@return any  # list of {name, kind: file|directory|link|other, bytes: of files}
function fs.list(o) end

---@class pipe.fs.read
---@field path string  the path from the project's root; nothing outside can be reached
---@field as? string  the call's name in the journal

---The content of a file of the project, at most 16 MiB
---@param o string|pipe.fs.read
---@return any  # text, any bytes
function fs.read(o) end

---@class pipe.fs.remove
---@field path string  the path from the project's root; nothing outside can be reached
---@field as? string  the call's name in the journal

---Removes a file of the project
---@param o string|pipe.fs.remove
---@return any  # {path: from the root}
function fs.remove(o) end

---@class pipe.fs.write
---@field path string  the path from the project's root; nothing outside can be reached
---@field content string|pipe.secret  the whole file, at most 16 MiB
---@field executable? boolean  may be run as a program (false)
---@field private? boolean  for its owner only (a secret always is); an existing file keeps its mode (false)
---@field as? string  the call's name in the journal

---Writes a file of the project as a whole, with its directories
---@param o string|pipe.fs.write
---@return any  # {path: from the root, bytes}
function fs.write(o) end

git = {}

---@class pipe.git.branch
---@field name string  the branch's name
---@field at? string  commit, branch or tag ("HEAD")
---@field as? string  the call's name in the journal

---Makes a branch in this clone, does not check it out
---@param o string|pipe.git.branch
---@return any  # {name, sha, created (false: it was there)}
function git.branch(o) end

---@class pipe.git.branches
---@field remote? boolean  the remotes' branches, as last fetched (false)
---@field as? string  the call's name in the journal

---The branches of this clone, by name
---@param o? pipe.git.branches
---@return any  # list of {name, sha, upstream (or null)}
function git.branches(o) end

---@class pipe.git.changed
---@field from string  the older commit
---@field to? string  the newer commit ("HEAD")
---@field paths? any[]  only under these folders, or these files
---@field as? string  the call's name in the journal

---Files that differ between two commits
---@param o string|pipe.git.changed
---@return any  # list of paths; both sides of a rename
function git.changed(o) end

---@class pipe.git.commit
---@field files any[]  paths from the top of the repository
---@field message string  the commit's message
---@field author? string  "Name <mail>"; else git's user.name and user.email
---@field as? string  the call's name in the journal

---Commits exactly the named files of the working tree; runs no hooks, does not sign
---@param o pipe.git.commit
---@return any  # {sha}
function git.commit(o) end

---@class pipe.git.fetch
---@field remote? string  name of a remote, or a URL ("origin")
---@field branch? string  only this one; else all that is configured
---@field tags? boolean  all tags, not only those on the way (false)
---@field prune? boolean  forgets branches that are gone (false)
---@field token? string|pipe.secret  token for https
---@field user? string  user name, where the URL has none
---@field password? string|pipe.secret  password for https
---@field key_file? string  private ssh key, from the project's folder; else the ssh agent is asked
---@field passphrase? string|pipe.secret  of the key file
---@field timeout? pipe.duration  how long the remote may stay silent (120000)
---@field as? string  the call's name in the journal

---Brings commits from a remote; also in a dry-run, for it changes only refs/remotes (and tags) of this clone
---@param o? string|pipe.git.fetch
---@return any  # {updated=list of {ref, before (or null), after (or null)}}
function git.fetch(o) end

---@class pipe.git.file
---@field at? string  commit, branch or tag ("HEAD")
---@field path string  from the top of the repository
---@field as? string  the call's name in the journal

---A file as a commit has it
---@param o string|pipe.git.file
---@return any  # text, or null if it is not there
function git.file(o) end

---@class pipe.git.files
---@field at? string  commit, branch or tag ("HEAD")
---@field dir? string  from the top of the repository ("")
---@field as? string  the call's name in the journal

---Names in a folder as a commit has it
---@param o? string|pipe.git.files
---@return any  # list of names, those of folders with "/" behind; none if it is not there
function git.files(o) end

---@class pipe.git.head
---@field as? string  the call's name in the journal

---The commit that is checked out
---@param o? pipe.git.head
---@return any  # {sha, branch (null if detached), message, author={name, email}, time}
function git.head(o) end

---@class pipe.git.is_ancestor
---@field ancestor string  commit, branch or tag
---@field descendant string  commit, branch or tag
---@field as? string  the call's name in the journal

---Whether one commit contains the other
---@param o string|pipe.git.is_ancestor
---@return any  # flag; a commit contains itself
function git.is_ancestor(o) end

---@class pipe.git.log
---@field from? string  commit, branch or tag to start at ("HEAD")
---@field to? string  what it contains is left out
---@field limit? integer  number of commits at most; 0: all (100)
---@field as? string  the call's name in the journal

---Commits in `from` that are not in `to`
---@param o? string|pipe.git.log
---@return any  # list of commits as git.show gives them, newest first
function git.log(o) end

---@class pipe.git.ls_remote
---@field remote? string  name of a remote, or a URL ("origin")
---@field pattern? string  only refs whose end fits, as "main"
---@field token? string|pipe.secret  token for https
---@field user? string  user name, where the URL has none
---@field password? string|pipe.secret  password for https
---@field key_file? string  private ssh key, from the project's folder; else the ssh agent is asked
---@field passphrase? string|pipe.secret  of the key file
---@field timeout? pipe.duration  how long the remote may stay silent (120000)
---@field as? string  the call's name in the journal

---The refs that a remote has now
---@param o? string|pipe.git.ls_remote
---@return any  # map of full ref name to sha; an annotated tag's commit under "NAME^{}"
function git.ls_remote(o) end

---@class pipe.git.merge_base
---@field a string  commit, branch or tag
---@field b string  commit, branch or tag
---@field as? string  the call's name in the journal

---The newest commit that both have
---@param o string|pipe.git.merge_base
---@return any  # sha, or null
function git.merge_base(o) end

---@class pipe.git.push
---@field remote? string  name of a remote, or a URL ("origin")
---@field branch? string  branch of the remote
---@field ref? string  or a full name, as "refs/tags/v1.0.0"
---@field commit string  the exact commit, 40 hex digits
---@field expect? string  the commit that the remote must have now; "": none; without it only fast-forward is checked
---@field force? boolean  also if the remote loses commits (false)
---@field token? string|pipe.secret  token for https
---@field user? string  user name, where the URL has none
---@field password? string|pipe.secret  password for https
---@field key_file? string  private ssh key, from the project's folder; else the ssh agent is asked
---@field passphrase? string|pipe.secret  of the key file
---@field timeout? pipe.duration  how long the remote may stay silent (120000)
---@field as? string  the call's name in the journal

---Sets one ref of a remote to one exact commit
---@param o string|pipe.git.push
---@return any  # {ref, before (or null), after, changed}
function git.push(o) end

---@class pipe.git.resolve
---@field at string  commit, branch or tag
---@field as? string  the call's name in the journal

---The commit that a name or a short id means
---@param o string|pipe.git.resolve
---@return any  # sha
function git.resolve(o) end

---@class pipe.git.show
---@field at? string  commit, branch or tag ("HEAD")
---@field as? string  the call's name in the journal

---One commit
---@param o? string|pipe.git.show
---@return any  # {sha, short, subject, message, author={name, email}, time (RFC 3339), parents}
function git.show(o) end

---@class pipe.git.status
---@field as? string  the call's name in the journal

---The branch, and what differs from its last commit
---@param o? pipe.git.status
---@return any  # {branch, head, clean, changes=list of {path, state}}; state: added, modified, deleted, retyped, untracked, conflicted, unreadable
function git.status(o) end

---@class pipe.git.tag
---@field name string  the tag's name
---@field at? string  commit, branch or tag ("HEAD")
---@field message? string  makes it an annotated tag
---@field force? boolean  moves a tag that points elsewhere (false)
---@field author? string  "Name <mail>"; else git's user.name and user.email
---@field as? string  the call's name in the journal

---Makes a tag in this clone
---@param o string|pipe.git.tag
---@return any  # {name, sha, created (false: it was there)}
function git.tag(o) end

---@class pipe.git.tags
---@field pattern? string  only names that fit, as "v1.*"
---@field as? string  the call's name in the journal

---The tags of this clone, by name
---@param o? string|pipe.git.tags
---@return any  # list of {name, sha (of the commit), annotated, message (or null)}
function git.tags(o) end

github = {}

---@class pipe.github.cancel
---@field id integer  the run's id
---@field as? string  the call's name in the journal

---Cancel a workflow run that is under way
---@param o pipe.github.cancel
---@return any  # {id}; it ends soon after
function github.cancel(o) end

---@class pipe.github.checks
---@field sha string  the commit
---@field branch? string  mark what this branch requires
---@field as? string  the call's name in the journal

---Checks of a commit: check runs and commit statuses, the newest of each name and app
---@param o string|pipe.github.checks
---@return any  # list of {name, app, app_id, status, conclusion, phase, url, source, id, required}; with `branch`, required checks that are not there yet have the status "expected"
function github.checks(o) end

---@class pipe.github.compare
---@field base string  what is compared with
---@field head string  what is compared
---@field first? integer  so many commits at most (1000)
---@field as? string  the call's name in the journal

---How one commit, branch or tag stands to another
---@param o string|pipe.github.compare
---@return any  # {status = "ahead", "behind", "identical" or "diverged", ahead, behind, diverged, total, merge_base, commits = list of {sha, subject, message, author, login, time}, files = list of {path, status, before}, files_cut, url}; the commits are those that head has and base has not, oldest first; GitHub lists 300 files at most
function github.compare(o) end

---@class pipe.github.create_branch
---@field name string  the branch's name
---@field sha string  the commit, 40 hex digits
---@field as? string  the call's name in the journal

---Make a branch on GitHub
---@param o string|pipe.github.create_branch
---@return any  # {ref, name, sha, created (false: it was there, at that commit)}
function github.create_branch(o) end

---@class pipe.github.create_deployment
---@field environment string  where to, such as production
---@field sha string  the commit, 40 hex digits
---@field description? string  shown beside it
---@field as? string  the call's name in the journal

---Announce a deployment of a commit: merges nothing, waits for no checks
---@param o string|pipe.github.create_deployment
---@return any  # {id, sha, ref, environment, description, creator, created_at}
function github.create_deployment(o) end

---@class pipe.github.create_release
---@field tag string  the release's tag
---@field body? string  its text
---@field commit? string  where the tag is, or is to be made; a tag elsewhere is refused
---@field draft? boolean  seen by nobody yet; makes no tag (false)
---@field latest? "true"|"false"|"legacy"  is it the newest one?
---@field name? string  its title; else the tag
---@field notes? boolean  lets GitHub add a list of what changed (false)
---@field prerelease? boolean  not ready for production (false)
---@field as? string  the call's name in the journal

---Make a release of a tag
---@param o string|pipe.github.create_release
---@return any  # {id, tag, name, body, draft, prerelease, url, author, created_at, published_at}
function github.create_release(o) end

---@class pipe.github.create_tag
---@field name string  the tag's name
---@field sha string  the commit, 40 hex digits
---@field message? string  makes it an annotated tag
---@field as? string  the call's name in the journal

---Make a tag on GitHub, annotated with `message`; starts what listens on it, which a dry-run tells and the run says before
---@param o string|pipe.github.create_tag
---@return any  # {ref, name, sha, created (false: it was there, at that commit)}
function github.create_tag(o) end

---@class pipe.github.delete_ref
---@field ref string  "heads/NAME" or "tags/NAME"
---@field sha string  the commit that it must be at now
---@field as? string  the call's name in the journal

---Delete a branch or tag that is at the given commit
---@param o string|pipe.github.delete_ref
---@return any  # {ref, before}
function github.delete_ref(o) end

---@class pipe.github.deployment_status
---@field id string|integer  the deployment's id
---@field state "error"|"failure"|"inactive"|"in_progress"|"queued"|"pending"|"success"  how it goes
---@field description? string  shown beside it
---@field environment_url? string  where it can be seen
---@field log_url? string  where its log is
---@field as? string  the call's name in the journal

---Say how a deployment goes
---@param o string|pipe.github.deployment_status
---@return any  # {id, deployment, state}
function github.deployment_status(o) end

---@class pipe.github.deployments
---@field environment? string  only to this one
---@field first? integer  at most so many (10)
---@field sha? string  only of this commit
---@field as? string  the call's name in the journal

---Deployments that were announced to GitHub, newest first
---@param o? string|pipe.github.deployments
---@return any  # list of {id, sha, ref, environment, description, creator, created_at} with state and phase of the newest status
function github.deployments(o) end

---@class pipe.github.dispatch
---@field ref string  branch or tag whose workflow file and code is used
---@field workflow string  file name, such as db-deploy.yml
---@field inputs? table<string, any>  name = text; at most 25
---@field as? string  the call's name in the journal

---Start a workflow by hand (workflow_dispatch), and know its run
---@param o string|pipe.github.dispatch
---@return any  # {id, url, certain, found = "told", "by its mark", "by event, commit, time and account" or "no"}; without id where the server did not tell and not exactly one run fits (then certain = false, candidates = list of ids)
function github.dispatch(o) end

---@class pipe.github.force_cancel
---@field id integer  the run's id
---@field as? string  the call's name in the journal

---Cancel a workflow run that github.cancel does not end: also steps that always() keeps going
---@param o pipe.github.force_cancel
---@return any  # {id}; it ends soon after
function github.force_cancel(o) end

---@class pipe.github.job_log
---@field id integer  the job's id
---@field lines? integer  so many lines from its end (200)
---@field as? string  the call's name in the journal

---The end of what a job wrote
---@param o pipe.github.job_log
---@return any  # {text, lines, total}
function github.job_log(o) end

---@class pipe.github.jobs
---@field id integer  the run's id
---@field as? string  the call's name in the journal

---Jobs of a workflow run, of its newest attempt
---@param o pipe.github.jobs
---@return any  # list of {id, name, status, conclusion, phase, attempt, url, started_at, completed_at}
function github.jobs(o) end

---@class pipe.github.merge
---@field number integer  its number
---@field sha string  the head that was looked at; another one is refused
---@field message? string  the rest of the commit's message; else GitHub's
---@field method? "merge"|"squash"|"rebase"  merge, squash or rebase ("merge")
---@field title? string  first line of the commit; else GitHub's
---@field as? string  the call's name in the journal

---Merge a pull request whose head is still the given commit
---@param o pipe.github.merge
---@return any  # {sha, merged}
function github.merge(o) end

---@class pipe.github.move_ref
---@field expect string  the commit that it must be at now
---@field ref string  "heads/NAME" or "tags/NAME"
---@field sha string  the commit, 40 hex digits
---@field force? boolean  also if it loses commits (false)
---@field as? string  the call's name in the journal

---Move a branch or tag: read, compared, moved, read back, since GitHub has no compare-and-set
---@param o string|pipe.github.move_ref
---@return any  # {ref, before, after, changed, confirmed (a read showed it)}
function github.move_ref(o) end

---@class pipe.github.pending_deployments
---@field id integer  the run's id
---@field as? string  the call's name in the journal

---The environments whose reviewers a workflow run waits for
---@param o pipe.github.pending_deployments
---@return any  # list of {environment, id, reviewers, mine (the credential may approve), wait_timer}
function github.pending_deployments(o) end

---@class pipe.github.pull
---@field number integer  its number
---@field as? string  the call's name in the journal

---One pull request
---@param o pipe.github.pull
---@return any  # {number, title, state, draft, merged, mergeable, mergeable_state, merge_sha, head{ref, sha}, base{ref, sha}, author, url} and phase (see states); mergeable is nil while GitHub works it out
function github.pull(o) end

---@class pipe.github.pull_of
---@field sha string  the commit
---@field as? string  the call's name in the journal

---The pull request that brought a commit, or that has it
---@param o string|pipe.github.pull_of
---@return any  # {number, title, state, draft, merged, mergeable, mergeable_state, merge_sha, head{ref, sha}, base{ref, sha}, author, url}, or nil
function github.pull_of(o) end

---@class pipe.github.pulls
---@field base? string  branch they go to
---@field head? string  branch they come from
---@field state? "open"|"closed"|"all"  open, closed or all ("open")
---@field as? string  the call's name in the journal

---Pull requests, newest first
---@param o? string|pipe.github.pulls
---@return any  # list of {number, title, state, draft, merged, mergeable, mergeable_state, merge_sha, head{ref, sha}, base{ref, sha}, author, url}
function github.pulls(o) end

---@class pipe.github.read_ref
---@field ref string  "heads/NAME" or "tags/NAME"
---@field as? string  the call's name in the journal

---Where a branch or tag is on GitHub
---@param o string|pipe.github.read_ref
---@return any  # {ref, sha (the commit), object, annotated, message}, or nil where there is none
function github.read_ref(o) end

---@class pipe.github.refs
---@field prefix string  such as "tags/v1."
---@field as? string  the call's name in the journal

---Refs whose names begin in one way
---@param o string|pipe.github.refs
---@return any  # list of {ref, object, annotated}
function github.refs(o) end

---@class pipe.github.release
---@field tag string  the release's tag
---@field as? string  the call's name in the journal

---The release of a tag
---@param o string|pipe.github.release
---@return any  # {id, tag, name, body, draft, prerelease, url, author, created_at, published_at}, or nil; drafts are not found
function github.release(o) end

---@class pipe.github.releases
---@field first? integer  at most so many (30)
---@field as? string  the call's name in the journal

---Releases, newest first
---@param o? pipe.github.releases
---@return any  # list of {id, tag, name, body, draft, prerelease, url, author, created_at, published_at}
function github.releases(o) end

---@class pipe.github.required_checks
---@field branch string  the branch
---@field as? string  the call's name in the journal

---The checks that a branch requires, by its protection and its rulesets
---@param o string|pipe.github.required_checks
---@return any  # {checks = list of {name, app_id}, strict, sources = {protection, rules}, complete}; a source is "read", "none" or "unreadable …"
function github.required_checks(o) end

---@class pipe.github.rerun
---@field id integer  the run's id
---@field attempt? integer  the attempt that was looked at; another one is refused
---@field as? string  the call's name in the journal

---Run a workflow run that is over once more
---@param o pipe.github.rerun
---@return any  # {id, attempt, url}; wait with github.run { id, attempt }
function github.rerun(o) end

---@class pipe.github.rerun_failed
---@field id integer  the run's id
---@field attempt? integer  the attempt that was looked at; another one is refused
---@field as? string  the call's name in the journal

---Run the failed jobs of a workflow run once more
---@param o pipe.github.rerun_failed
---@return any  # {id, attempt, url}; wait with github.run { id, attempt }
function github.rerun_failed(o) end

---@class pipe.github.review_deployment
---@field approve boolean  true approves, false rejects
---@field environment string  its name
---@field id integer  the run's id
---@field comment? string  why ("")
---@field as? string  the call's name in the journal

---Approve or reject an environment that a workflow run waits for
---@param o pipe.github.review_deployment
---@return any  # {id, environment, approved}
function github.review_deployment(o) end

---@class pipe.github.run
---@field id string|integer  its id
---@field attempt? integer  the attempt that is waited for, as github.rerun gave it
---@field as? string  the call's name in the journal

---One workflow run
---@param o string|pipe.github.run
---@return any  # {id, name, title, workflow, event, status, conclusion, phase, sha, branch, attempt, actor, url, created_at, started_at, updated_at} and failed = list of {name, conclusion, id, url} (its jobs); with `attempt`, one that is not shown yet is "moving" (stale = true)
function github.run(o) end

---@class pipe.github.run_attempt
---@field attempt integer  its number, from 1
---@field id integer  the run's id
---@field as? string  the call's name in the journal

---One attempt of a workflow run, also one that was run again since
---@param o pipe.github.run_attempt
---@return any  # {id, name, title, workflow, event, status, conclusion, phase, sha, branch, attempt, actor, url, created_at, started_at, updated_at}
function github.run_attempt(o) end

---@class pipe.github.runs
---@field branch? string  only of this branch
---@field created? string  only of this time, as ">=2026-11-20T15:00:00Z"
---@field event? string  only of this event, such as push
---@field first? integer  at most so many (30)
---@field sha? string  only of this commit
---@field workflow? string  file name, such as deploy-production.yml; without it, of all
---@field as? string  the call's name in the journal

---Runs of a workflow, newest first
---@param o? string|pipe.github.runs
---@return any  # list of {id, name, title, workflow, event, status, conclusion, phase, sha, branch, attempt, actor, url, created_at, started_at, updated_at}
function github.runs(o) end

---@class pipe.github.update_branch
---@field number integer  its number
---@field sha string  the head that was looked at
---@field as? string  the call's name in the journal

---Merge the base branch into a pull request that is behind it
---@param o pipe.github.update_branch
---@return any  # {number, before}; the new head comes soon after: look with github.pull
function github.update_branch(o) end

---@class pipe.github.verdict
---@field sha string  the commit
---@field branch? string  what it requires; else only `names`
---@field names? any[]  further checks that have to pass
---@field as? string  the call's name in the journal

---Whether a commit has what a branch requires: by name and, where it is pinned, by app
---@param o string|pipe.github.verdict
---@return any  # {state = "good", "moving", "bad" or "unknown", checks = list of {name, app, app_id, status, conclusion, phase, url, source, id, required}, strict, complete, sources}; complete is false where the credential may not read all rules: then what passed is "unknown", never "good". Two checks of one name that is not pinned both have to pass
function github.verdict(o) end

---@class pipe.github.whoami
---@field as? string  the call's name in the journal

---The account behind the credential, and what it may do here
---@param o? pipe.github.whoami
---@return any  # {login, type, scopes (of a classic token), repository, private, permissions = {admin, push, pull}, rate = {limit, remaining, reset}}; login is absent for an app's token
function github.whoami(o) end

---@class pipe.github.workflow_run
---@field id string|integer  its id
---@field attempt? integer  the attempt that is waited for, as github.rerun gave it
---@field as? string  the call's name in the journal

---One workflow run
---@param o string|pipe.github.workflow_run
---@return any  # {id, name, title, workflow, event, status, conclusion, phase, sha, branch, attempt, actor, url, created_at, started_at, updated_at} and failed = list of {name, conclusion, id, url} (its jobs); with `attempt`, one that is not shown yet is "moving" (stale = true)
function github.workflow_run(o) end

---@class pipe.github.workflow_runs
---@field branch? string  only of this branch
---@field created? string  only of this time, as ">=2026-11-20T15:00:00Z"
---@field event? string  only of this event, such as push
---@field first? integer  at most so many (30)
---@field sha? string  only of this commit
---@field workflow? string  file name, such as deploy-production.yml; without it, of all
---@field as? string  the call's name in the journal

---Runs of a workflow, newest first
---@param o? string|pipe.github.workflow_runs
---@return any  # list of {id, name, title, workflow, event, status, conclusion, phase, sha, branch, attempt, actor, url, created_at, started_at, updated_at}
function github.workflow_runs(o) end

http = {}

---@class pipe.http.delete
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Removes what a URL stands for
---@param o string|pipe.http.delete
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.delete(o) end

---@class pipe.http.get
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Fetches a URL
---@param o string|pipe.http.get
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.get(o) end

---@class pipe.http.head
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Fetches a URL's headers
---@param o string|pipe.http.head
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.head(o) end

---@class pipe.http.patch
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Changes what a URL stands for
---@param o string|pipe.http.patch
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.patch(o) end

---@class pipe.http.post
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Sends to a URL
---@param o string|pipe.http.post
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.post(o) end

---@class pipe.http.put
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Replaces what a URL stands for
---@param o string|pipe.http.put
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.put(o) end

---@class pipe.http.request
---@field method string  GET, POST, …
---@field url string|any[]|pipe.secret  https://…; a secret, or a list of parts, where the address is one
---@field query? table<string, any>  added to the URL, escaped; a list repeats its name
---@field headers? table<string, any>  text, secret, whole number, or a list of parts put together
---@field json? any  body: any data, secrets inside allowed
---@field form? table<string, any>  body: a form's fields, URL-encoded
---@field body? string|pipe.secret  body: bytes as they are
---@field timeout? pipe.duration  for a whole attempt with its redirects (30s)
---@field connect_timeout? pipe.duration  until the connection stands (10s)
---@field max_wait? pipe.duration  the longest wait that a server may ask for between attempts (2m)
---@field max_bytes? integer  the largest body taken, unpacked (8 MiB)
---@field redirects? integer  how many are followed (GET and HEAD 5, else 0)
---@field retries? integer  further attempts (reads 3, writes 0, with idempotency_key 3); a write without a key only where it certainly was not done
---@field idempotency_key? string  sent as Idempotency-Key: the server does it once, we may repeat
---@field expect? any[]  the statuses that are no error (200 to 299)
---@field any_status? boolean  no status is an error
---@field ca_file? string  PEM file of the authorities that are trusted, alone
---@field proxy? string|pipe.secret  http://host:port (else pipe.yaml's, else https_proxy)
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Any method; the caller says whether it reads
---@param o string|pipe.http.request
---@return any  # {status, headers: lower-case name -> text (set-cookie: a list), body: bytes, json: decoded where the body is JSON, url: the last one, took_ms, attempts}
function http.request(o) end

json = {}

---json.array(table): marks a table as a list, so that it stays one when empty
function json.array(table) end

---json.decode(text): reads JSON; errors name line and column
function json.decode(text) end

---json.encode(data [, {pretty = true}]): canonical JSON (RFC 8785)
function json.encode(data, ...) end

log = {}

---@class pipe.log.info
---@field text string  one line for the log
---@field as? string  the call's name in the journal

---Writes a line into the run's log
---@param o string|pipe.log.info
---@return any  # nothing
function log.info(o) end

---@class pipe.log.warn
---@field text string  one line for the log
---@field as? string  the call's name in the journal

---Writes a warning into the run's log
---@param o string|pipe.log.warn
---@return any  # nothing
function log.warn(o) end

postgres = {}

---@class pipe.postgres.execute
---@field environment string  an environment of pipe.yaml
---@field statements any[]  texts, or { sql = …, params = … }
---@field expect_affected? integer  how many rows it changes: with any other number it is refused, and nothing is done
---@field lock_timeout? pipe.duration  how long a statement waits for a lock before it fails ("4s")
---@field statement_timeout? pipe.duration  how long a statement may take ("60s")
---@field as? string  the call's name in the journal

---Runs statements that change the database, all or none
---@param o string|pipe.postgres.execute
---@return any  # {statements=list of {command, affected}, affected=rows in all}
function postgres.execute(o) end

---@class pipe.postgres.query
---@field environment string  an environment of pipe.yaml
---@field sql string  one statement; values go into params, as $1, $2, …
---@field params? any[]  text, numbers, flags, null
---@field statement_timeout? pipe.duration  how long a statement may take ("60s")
---@field as? string  the call's name in the journal

---Asks the database, in a transaction that can only read
---@param o string|pipe.postgres.query
---@return any  # {rows=list of {column=value}, columns=names in order, count}
function postgres.query(o) end

proc = {}

---@class pipe.proc.read
---@field argv? any[]  the program and its arguments, as a list of text
---@field shell? string  instead of argv: a command line for sh -c
---@field cwd? string  where it runs, inside the project (its root)
---@field env? table<string, any>  its environment: text, a secret, or a list of both to be joined; besides this it has only PATH, HOME, LANG, TZ, TMPDIR, USER, SSH_AUTH_SOCK
---@field inherit? any[]  names of more variables to pass on
---@field input? string|pipe.secret  what it reads from standard input
---@field timeout? pipe.duration  after which it is stopped ("10m")
---@field max_bytes? integer  kept of each stream, in bytes (8388608)
---@field expect? any[]  exit codes that mean success ([0])
---@field any_exit? boolean  every exit code means success (false)
---@field quiet? boolean  its lines are not shown as they come
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Runs a program that, its author declares, changes nothing
---@param o? pipe.proc.read
---@return any  # {exit: code, or null; signal: its name, or null; stdout, stderr: text; took_ms; truncated: true if a stream was longer than max_bytes}
function proc.read(o) end

---@class pipe.proc.run
---@field argv? any[]  the program and its arguments, as a list of text
---@field shell? string  instead of argv: a command line for sh -c
---@field cwd? string  where it runs, inside the project (its root)
---@field env? table<string, any>  its environment: text, a secret, or a list of both to be joined; besides this it has only PATH, HOME, LANG, TZ, TMPDIR, USER, SSH_AUTH_SOCK
---@field inherit? any[]  names of more variables to pass on
---@field input? string|pipe.secret  what it reads from standard input
---@field timeout? pipe.duration  after which it is stopped ("10m")
---@field max_bytes? integer  kept of each stream, in bytes (8388608)
---@field expect? any[]  exit codes that mean success ([0])
---@field any_exit? boolean  every exit code means success (false)
---@field quiet? boolean  its lines are not shown as they come
---@field as? string  the call's name in the journal
---@field effect? pipe.class  what the call does
---@field predict? table|fun(o: table, overlay: table): table  dry-run: { result, sign, before, after, note }
---@field example? any  dry-run: the result
---@field probe? fun(o: table, intent: { began: integer }): table?  after a lost answer: { happened, result }

---Runs a program, without a shell
---@param o? pipe.proc.run
---@return any  # {exit: code, or null; signal: its name, or null; stdout, stderr: text; took_ms; truncated: true if a stream was longer than max_bytes}
function proc.run(o) end

railway = {}

---@class pipe.railway.active
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The deployments that serve now
---@param o string|pipe.railway.active
---@return any  # list of {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}
function railway.active(o) end

---@class pipe.railway.build_logs
---@field deployment string  its id
---@field environment string  an environment of pipe.yaml
---@field filter? string  word, "a phrase", @name:value, @name:>=5, @level:error, AND, OR, -, ( ); @name only of lines that are logged as JSON
---@field from? any  from this time on (default: since the deployment was made)
---@field limit? integer  at most so many lines (1000)
---@field to? any  and before this one (default: now; lines show seconds late)
---@field as? string  the call's name in the journal

---Lines of a deployment's build, earliest first
---@param o string|pipe.railway.build_logs
---@return any  # {lines = list of {at, message, severity, attributes, deployment}, complete, from, to (as far as it came: go on from there when not complete)}
function railway.build_logs(o) end

---@class pipe.railway.cancel
---@field deployment string  its id
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Gives up a deployment that is still in motion
---@param o string|pipe.railway.cancel
---@return any  # {id, done}
function railway.cancel(o) end

---@class pipe.railway.count
---@field environment string  an environment of pipe.yaml
---@field filter string  word, "a phrase", @name:value, @name:>=5, @level:error, AND, OR, -, ( ); @name only of lines that are logged as JSON
---@field from any  from this time on (ISO text or milliseconds)
---@field attribute? string  count its values over all lines of the window
---@field deployment? string  only of this one (its id)
---@field to? any  and before this one (default: now; lines show seconds late)
---@field as? string  the call's name in the journal

---How many lines fit a filter, and how many there are at all
---@param o string|pipe.railway.count
---@return any  # {count, first, last, complete, lines_total, lines_total_exact, from, to}, and for an attribute {with_attribute, values = {value = how many lines}} of all lines
function railway.count(o) end

---@class pipe.railway.delete_variable
---@field environment string  an environment of pipe.yaml
---@field name string  its name
---@field expect? table<string, any>  name -> fingerprint or secret that it has now, false for none; refused where it differs
---@field shared? boolean  those that all services of the environment share (false)
---@field as? string  the call's name in the journal

---Takes a variable away; causes a deployment
---@param o string|pipe.railway.delete_variable
---@return any  # {name, before (fingerprint), deployment}
function railway.delete_variable(o) end

---@class pipe.railway.deploy
---@field commit string  all 40 digits
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Deploys a commit of the service's repository
---@param o string|pipe.railway.deploy
---@return any  # the new deployment, not yet at its end: {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}
function railway.deploy(o) end

---@class pipe.railway.deployment
---@field environment string  an environment of pipe.yaml
---@field id string  its id
---@field as? string  the call's name in the journal

---One deployment
---@param o string|pipe.railway.deployment
---@return any  # {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}
function railway.deployment(o) end

---@class pipe.railway.deployment_of
---@field commit string  the full sha
---@field environment string  an environment of pipe.yaml
---@field since? any  only deployments made at this time or later (ISO text or milliseconds)
---@field as? string  the call's name in the journal

---The newest deployment of a commit
---@param o string|pipe.railway.deployment_of
---@return any  # {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}, or nil when there is none yet
function railway.deployment_of(o) end

---@class pipe.railway.deployments
---@field environment string  an environment of pipe.yaml
---@field first? integer  at most so many (10)
---@field as? string  the call's name in the journal

---Deployments, newest first
---@param o string|pipe.railway.deployments
---@return any  # list of {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}
function railway.deployments(o) end

---@class pipe.railway.logs
---@field environment string  an environment of pipe.yaml
---@field from any  from this time on (ISO text or milliseconds)
---@field deployment? string  only of this one (its id)
---@field filter? string  word, "a phrase", @name:value, @name:>=5, @level:error, AND, OR, -, ( ); @name only of lines that are logged as JSON
---@field limit? integer  at most so many lines (1000)
---@field to? any  and before this one (default: now; lines show seconds late)
---@field as? string  the call's name in the journal

---Lines of the service's logs, earliest first
---@param o string|pipe.railway.logs
---@return any  # {lines = list of {at, message, severity, attributes, deployment}, complete, from, to (as far as it came: go on from there when not complete)}
function railway.logs(o) end

---@class pipe.railway.me
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Whose account token it is
---@param o string|pipe.railway.me
---@return any  # {id, name, email}
function railway.me(o) end

---@class pipe.railway.projects
---@field environment? string  an environment of pipe.yaml, whose credential is used (default: the credential "railway")
---@field workspace? string  only of this workspace (its id)
---@field as? string  the call's name in the journal

---The projects that an account token reaches
---@param o? string|pipe.railway.projects
---@return any  # list of {id, name}
function railway.projects(o) end

---@class pipe.railway.redeploy
---@field deployment string  its id
---@field environment string  an environment of pipe.yaml
---@field use_previous_image? boolean  without building it again
---@field as? string  the call's name in the journal

---Deploys an earlier deployment's commit anew, with the variables of now
---@param o string|pipe.railway.redeploy
---@return any  # the new deployment, not yet at its end: {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}
function railway.redeploy(o) end

---@class pipe.railway.restart
---@field deployment string  its id
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Starts a deployment's process once more, without building
---@param o string|pipe.railway.restart
---@return any  # {id, done}
function railway.restart(o) end

---@class pipe.railway.rollback
---@field deployment string  its id, or a commit (7 digits or more): the newest one of it that can be gone back to
---@field environment string  an environment of pipe.yaml
---@field expect_variables? any[]  the names that may change by it; {} for none
---@field as? string  the call's name in the journal

---Goes back to the image and the variables of an earlier deployment
---@param o string|pipe.railway.rollback
---@return any  # the new deployment, not yet at its end: {id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, status_at, can_rollback, can_redeploy, stopped, url}, and back_to (the earlier one's id), variables and before (as in rollback_plan), variables_changed = names of those that are not as they were before, looked at after it, or a text where Railway does not tell
function railway.rollback(o) end

---@class pipe.railway.rollback_plan
---@field deployment string  its id, or a commit (7 digits or more): the newest one of it that can be gone back to
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---What a rollback would change, the variables too
---@param o string|pipe.railway.rollback_plan
---@return any  # {deployment, active, possible, variables = {changed, added, removed, unknown (sealed), fingerprints}, or a text where Railway does not tell, before = {written, rendered (name -> fingerprint), sealed (names)}, for railway.verify}
function railway.rollback_plan(o) end

---@class pipe.railway.scope
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---What the credential reaches; refuses one of another environment
---@param o string|pipe.railway.scope
---@return any  # {project{id, name}, environment{id, name}, service{id, name}}
function railway.scope(o) end

---@class pipe.railway.set_variables
---@field environment string  an environment of pipe.yaml
---@field values table<string, any>  name -> secret, or a list of parts that are put together; text with plain = true
---@field expect? table<string, any>  name -> fingerprint or secret that it has now, false for none; refused where it differs
---@field plain? boolean  the text among the values is no secret: it may be shown and journaled (false)
---@field shared? boolean  those that all services of the environment share (false)
---@field skip_deploys? boolean  cause no deployment: nothing that runs gets them until the next one (false)
---@field as? string  the call's name in the journal

---Sets variables of the service in one go; the others stay
---@param o string|pipe.railway.set_variables
---@return any  # {names, changed, fingerprints, deploys, deployment (the one that it caused, where it showed within 30 s)}
function railway.set_variables(o) end

---@class pipe.railway.state
---@field deployment string  its id
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Where a deployment stands: for waits, and for a soak after SUCCESS, which can still become CRASHED
---@param o string|pipe.railway.state
---@return any  # {id, status, phase (moving, good, bad, unknown), words, status_at, stopped, commit, reason}; unknown: a status that this version does not know, to be taken as still in motion
function railway.state(o) end

---@class pipe.railway.stop
---@field deployment string  its id
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---Stops a deployment: nothing serves in its place
---@param o string|pipe.railway.stop
---@return any  # {id, done}
function railway.stop(o) end

---@class pipe.railway.triggers
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---What deploys by itself: the branch, and whether it waits for CI
---@param o string|pipe.railway.triggers
---@return any  # list of {id, branch, repository, provider, wait_for_ci, service}
function railway.triggers(o) end

---@class pipe.railway.variables
---@field environment string  an environment of pipe.yaml
---@field names? any[]  only these, and with their values
---@field shared? boolean  those that all services of the environment share (false)
---@field unrendered? boolean  as written, with ${{…}}; false: rendered (true)
---@field as? string  the call's name in the journal

---The variables of the service, as the next deployment gets them
---@param o string|pipe.railway.variables
---@return any  # map name -> {fingerprint, value (a secret; only of names that were asked for), sealed (true: never comes back)}
function railway.variables(o) end

---@class pipe.railway.variables_as_deployed
---@field environment string  an environment of pipe.yaml
---@field deployment? string  its id (default: the one that serves)
---@field names? any[]  only these, and with their values
---@field as? string  the call's name in the journal

---The variables that a deployment was given
---@param o string|pipe.railway.variables_as_deployed
---@return any  # {deployment, source ("snapshot": the deployment's own; "service": Railway's word for what a deployment of the service gets), variables = map name -> {fingerprint, value (a secret; only of names that were asked for), sealed (true: never comes back)}}
function railway.variables_as_deployed(o) end

---@class pipe.railway.verify
---@field environment string  an environment of pipe.yaml
---@field before? table<string, any>  what rollback_plan or rollback gave: also tells what is not as it was before the rollback
---@field deployment? string  its id (default: the one that serves)
---@field expect? table<string, any>  name -> fingerprint or secret that the deployment should have, false for none
---@field names? any[]  only these
---@field as? string  the call's name in the journal

---Whether what runs has the variables that the service has now
---@param o string|pipe.railway.verify
---@return any  # {same, differing = names, changed = names that are not as `before` has them, unknown = names of sealed ones, deployment, source, fingerprints = {name = {now, then, before}}}
function railway.verify(o) end

secret = {}

---@class pipe.secret.get
---@field name string  a credential of pipe.yaml
---@field environment? string  look at this environment's credentials first
---@field as? string  the call's name in the journal

---A credential of pipe.yaml, as an opaque secret
---@param o string|pipe.secret.get
---@return any  # a secret
function secret.get(o) end

slack = {}

---@class pipe.slack.notify
---@field text string  what to say; &, < and > are escaped
---@field blocks? any[]  Slack's blocks, as they are; the text is then for notifications
---@field key? string  what belongs together: one message for each (the run)
---@field status? "started"|"waiting"|"done"|"failed"  the run's; with a webhook the same one again is not posted again
---@field as? string  the call's name in the journal

---Tells the channel how the run is doing. It never fails: what goes wrong is in the result
---@param o string|pipe.slack.notify
---@return any  # {sent, status, updated, unchanged, ts, channel, why, code, maybe (it may have arrived nevertheless)}
function slack.notify(o) end

supabase = {}

---@class pipe.supabase.api_keys
---@field environment string  an environment of pipe.yaml
---@field reveal? boolean  with their values (false)
---@field as? string  the call's name in the journal

---The keys of the project; their values are secrets
---@param o string|pipe.supabase.api_keys
---@return any  # list of {name, id, type: legacy|publishable|secret, prefix, key (a secret, with reveal), fingerprint, created_at, updated_at}
function supabase.api_keys(o) end

---@class pipe.supabase.api_migrations
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The migrations as the Management API lists them. For OAuth applications of Supabase's partners only: supabase.migrations asks the database
---@param o string|pipe.supabase.api_migrations
---@return any  # list of {version, name}
function supabase.api_migrations(o) end

---@class pipe.supabase.backups
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The backups of the database, newest first
---@param o string|pipe.supabase.backups
---@return any  # {backups=list of {id, status, time, physical}, newest=the newest that is complete, point_in_time: flag, point_in_time_until}
function supabase.backups(o) end

---@class pipe.supabase.branch_actions
---@field environment string  an environment of pipe.yaml
---@field branch? string  only of this one, by its name or id
---@field first? integer  at most so many are asked for (20)
---@field as? string  the call's name in the journal

---What was done for the branches: clone, pull, health, configure, migrate, seed, deploy
---@param o string|pipe.supabase.branch_actions
---@return any  # list of {id, branch (its id), state: good|moving|bad|unknown, steps=list of {name, status, state, meaning, updated_at}, created_at, updated_at}
function supabase.branch_actions(o) end

---@class pipe.supabase.branches
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The branches of the project. What became of one tells branch_actions: the status that the vendor gives a branch is deprecated
---@param o string|pipe.supabase.branches
---@return any  # list of {id, name, ref (of its project), default, persistent, git_branch, pull_request, status, state (of its project), created_at, updated_at}
function supabase.branches(o) end

---@class pipe.supabase.delete_secrets
---@field environment string  an environment of pipe.yaml
---@field names any[]  of the secrets
---@field as? string  the call's name in the journal

---Deletes secrets of the Edge Functions; nothing is sent if none of them is there
---@param o string|pipe.supabase.delete_secrets
---@return any  # {changed, names}
function supabase.delete_secrets(o) end

---@class pipe.supabase.health
---@field environment string  an environment of pipe.yaml
---@field services? any[]  db, rest, auth, realtime, storage, pooler (["db", "rest", "auth"])
---@field as? string  the call's name in the journal

---How the services of the project are
---@param o string|pipe.supabase.health
---@return any  # list of {name, status, healthy, error}
function supabase.health(o) end

---@class pipe.supabase.lint
---@field commit? string  takes the files exactly as this commit has them; else those in the folder
---@field files? any[]  only these: names of files, or versions
---@field folder? string  where the files are; default: database.migrations of pipe.yaml, else supabase/migrations
---@field since? string  only files with a later version than this
---@field as? string  the call's name in the journal

---What can go wrong with the migration files: lost data, locks, no transaction
---@param o? string|pipe.supabase.lint
---@return any  # list of {file, line, rule, level: destructive|locking|not-atomic, message, instead}
function supabase.lint(o) end

---@class pipe.supabase.migrations
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The migrations that the database has, oldest first
---@param o string|pipe.supabase.migrations
---@return any  # list of {version, name}
function supabase.migrations(o) end

---@class pipe.supabase.new
---@field name string  what it does: "add plan export"
---@field content? string  its SQL; default: a comment with the name
---@field folder? string  where the files are; default: database.migrations of pipe.yaml, else supabase/migrations
---@field as? string  the call's name in the journal

---Makes a new migration file, with a version after all others
---@param o string|pipe.supabase.new
---@return any  # {version, name, file, path}
function supabase.new(o) end

---@class pipe.supabase.pending
---@field environment string  an environment of pipe.yaml
---@field commit? string  takes the files exactly as this commit has them; else those in the folder
---@field folder? string  where the files are; default: database.migrations of pipe.yaml, else supabase/migrations
---@field as? string  the call's name in the journal

---The migration files against the history of the database
---@param o string|pipe.supabase.pending
---@return any  # {pending, applied, missing_local, edited, out_of_order: each a list of {version, name, file}; skipped=names, up_to_date: flag, commit}
function supabase.pending(o) end

---@class pipe.supabase.pooler
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---How the pooler of the database is set up
---@param o string|pipe.supabase.pooler
---@return any  # list of {name, primary, mode: session|transaction, migrations (whether they can go through it), host, port, user, database, size, most_clients}
function supabase.pooler(o) end

---@class pipe.supabase.project
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The project, and whether it is up
---@param o string|pipe.supabase.project
---@return any  # {ref, name, region, status, state: good|moving|bad|unknown, meaning, healthy, host, version}
function supabase.project(o) end

---@class pipe.supabase.projects
---@field environment? string  whose credential asks; default: "supabase"
---@field as? string  the call's name in the journal

---All projects that the credential sees
---@param o? string|pipe.supabase.projects
---@return any  # list of {ref, name, region, status, state: good|moving|bad|unknown, meaning, healthy, organization, created_at}
function supabase.projects(o) end

---@class pipe.supabase.push
---@field environment string  an environment of pipe.yaml
---@field allow_unsafe? any[]  what is not refused: edited (applied files that were edited), vault (secrets in config.toml that this push does not set)
---@field commit? string  takes the files exactly as this commit has them; else those in the folder
---@field folder? string  where the files are; default: database.migrations of pipe.yaml, else supabase/migrations
---@field include_all? boolean  also files that are older than the newest migration of the database (false)
---@field lock_timeout? pipe.duration  how long a statement waits for a lock before it fails ("4s")
---@field rehearse? boolean  the dry-run applies the files in a transaction and takes it back: times and locks (false)
---@field statement_timeout? pipe.duration  how long a statement may take; default: as the server says
---@field as? string  the call's name in the journal

---Applies the migrations that the database does not have, as `supabase db push` does
---@param o string|pipe.supabase.push
---@return any  # {environment, commit, applied=list of {version, name, file, statements, atomic}, up_to_date}
function supabase.push(o) end

---@class pipe.supabase.query
---@field environment string  an environment of pipe.yaml
---@field sql string  tables with their schema: public.users
---@field params? any[]  what $1, $2, … stand for: text, numbers, flags, secrets
---@field as? string  the call's name in the journal

---Asks the database by way of the Management API
---@param o string|pipe.supabase.query
---@return any  # {rows=list of {column=value}, count}
function supabase.query(o) end

---@class pipe.supabase.repair
---@field environment string  an environment of pipe.yaml
---@field status "applied"|"reverted"  applied: its file is written down as done; reverted: it is taken out
---@field version string  the digits before the name of the file
---@field commit? string  takes the files exactly as this commit has them; else those in the folder
---@field folder? string  where the files are; default: database.migrations of pipe.yaml, else supabase/migrations
---@field as? string  the call's name in the journal

---Says in the history that a migration is applied, or that it is not
---@param o string|pipe.supabase.repair
---@return any  # {environment, version, status, was: applied|not applied}
function supabase.repair(o) end

---@class pipe.supabase.reverse
---@field version string  of the migration that is taken back
---@field folder? string  where the files are; default: database.migrations of pipe.yaml, else supabase/migrations
---@field as? string  the call's name in the journal

---Makes the migration file that takes another one back, as far as that is certain
---@param o string|pipe.supabase.reverse
---@return any  # {version, name, file, path, reverses, statements (known), by_hand (left to a person)}
function supabase.reverse(o) end

---@class pipe.supabase.run_sql
---@field environment string  an environment of pipe.yaml
---@field sql string  values go into params, as $1, $2, …
---@field params? any[]  what $1, $2, … stand for: text, numbers, flags, secrets
---@field as? string  the call's name in the journal

---Runs SQL that changes the database, by way of the Management API: several statements run together. For migrations there is supabase.push, which writes them down; this does not
---@param o string|pipe.supabase.run_sql
---@return any  # {rows=list of {column=value} (of the last statement), count}
function supabase.run_sql(o) end

---@class pipe.supabase.secrets
---@field environment string  an environment of pipe.yaml
---@field as? string  the call's name in the journal

---The secrets of the Edge Functions; Supabase tells no values
---@param o string|pipe.supabase.secrets
---@return any  # list of {name, fingerprint (of the digest: the same for the same value), updated_at}
function supabase.secrets(o) end

---@class pipe.supabase.set_secrets
---@field environment string  an environment of pipe.yaml
---@field values table<string, any>  name = secret, with plain text
---@field plain? boolean  they are no secrets: text is taken (false)
---@field as? string  the call's name in the journal

---Sets secrets of the Edge Functions, in one request; nothing is sent if all are so already. They are other values from then on, without a deployment
---@param o string|pipe.supabase.set_secrets
---@return any  # {changed, names, fingerprints (by name, as secrets tells them)}
function supabase.set_secrets(o) end

vercel = {}

---@class pipe.vercel.alias
---@field alias string  a domain, as impulseai.app, or an alias's id
---@field project? string  refuse an address of another project; as for vercel.project
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---One address, and what it leads to
---@param o string|pipe.vercel.alias
---@return any  # {alias, deployment, project_id, id, created_at, redirect}
function vercel.alias(o) end

---@class pipe.vercel.aliases
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field deployment? string  only those of this deployment (dpl_…)
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---All addresses of a project, and what each leads to
---@param o string|pipe.vercel.aliases
---@return any  # list of {alias, deployment, id, created_at}
function vercel.aliases(o) end

---@class pipe.vercel.build_log
---@field deployment string  its id (dpl_…) or its address
---@field limit? integer  at most so many lines; -1 for all (-1)
---@field project? string  refuse a deployment of another project; as for vercel.project
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---The lines of a deployment's build
---@param o string|pipe.vercel.build_log
---@return any  # list of {text, kind, at, error}
function vercel.build_log(o) end

---@class pipe.vercel.cancel
---@field deployment string  its id (dpl_…) or its address
---@field project? string  refuse a deployment of another project; as for vercel.project
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---Cancels a build that is under way
---@param o string|pipe.vercel.cancel
---@return any  # {deployment, project_id, commit, changed, state}
function vercel.cancel(o) end

---@class pipe.vercel.deployment
---@field id string  its id (dpl_…) or its address
---@field project? string  refuse a deployment of another project; as for vercel.project
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---One deployment; good when it is built and has its addresses, live while the domains lead to it
---@param o string|pipe.vercel.deployment
---@return any  # {id, url, project, name, target (production, preview), state (Vercel's word), status (see the states), phase (moving, good, bad, unknown), words, substate, live, commit, branch, message, author, created_at, created (ms), ready_at, rollback_candidate, alias_error, error, inspector, promoted_from}
function vercel.deployment(o) end

---@class pipe.vercel.deployment_aliases
---@field deployment string  its id (dpl_…) or its address
---@field project? string  refuse a deployment of another project; as for vercel.project
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---The addresses that lead to one deployment now
---@param o string|pipe.vercel.deployment_aliases
---@return any  # list of {alias, id, created_at, redirect}
function vercel.deployment_aliases(o) end

---@class pipe.vercel.deployment_of
---@field commit string  the full sha
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field since? any  only if it was made then or later (ISO text or milliseconds)
---@field target? "production"|"preview"  only of this kind
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---The newest deployment of a commit
---@param o string|pipe.vercel.deployment_of
---@return any  # {id, url, project, name, target (production, preview), state (Vercel's word), status (see the states), phase (moving, good, bad, unknown), words, substate, live, commit, branch, message, author, created_at, created (ms), ready_at, rollback_candidate, alias_error, error, inspector, promoted_from}, or nil when there is none yet
function vercel.deployment_of(o) end

---@class pipe.vercel.deployments
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field branch? string  only of this branch
---@field commit? string  only of this commit (the full sha)
---@field first? integer  at most so many (20)
---@field rollback_candidates? boolean  only those that vercel.rollback can lead back to (false)
---@field state? "QUEUED"|"INITIALIZING"|"BUILDING"|"READY"|"ERROR"|"CANCELED"|"BLOCKED"  only in this state, in Vercel's words
---@field target? "production"|"preview"  only of this kind
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---Deployments of a project, newest first
---@param o string|pipe.vercel.deployments
---@return any  # list of {id, url, project, name, target (production, preview), state (Vercel's word), status (see the states), phase (moving, good, bad, unknown), words, substate, live, commit, branch, message, author, created_at, created (ms), ready_at, rollback_candidate, alias_error, error, inspector, promoted_from}
function vercel.deployments(o) end

---@class pipe.vercel.live
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---What the production domains of a project lead to now
---@param o string|pipe.vercel.live
---@return any  # {project, project_id, deployment (nil while nothing is live), url, commit, branch, created_at, aliases = list of {alias, deployment}, whole (all of them lead to it), automatic, frozen_by = nil or {type (rollback), deployment, from, at, description, by}, request}
function vercel.live(o) end

---@class pipe.vercel.project
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---A project: what is live, and whether the next push goes live by itself
---@param o string|pipe.vercel.project
---@return any  # {id, name, team, production_branch, live{deployment, url, commit, branch, created_at, aliases}, automatic, frozen_by = nil or {type (rollback), deployment, from, at, description, by}, request = the last promote or rollback, or nil}
function vercel.project(o) end

---@class pipe.vercel.promote
---@field deployment string  its id (dpl_…) or its address
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field rebuild? boolean  a preview is built anew, with the variables of production: nothing else is possible with one (false)
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---Leads the production domains to a deployment; ends a rollback
---@param o string|pipe.vercel.promote
---@return any  # {project, project_id, deployment, url, commit, branch, from, from_commit, changed, queued, rebuilt, automatic, since (for vercel.request_state), note}
function vercel.promote(o) end

---@class pipe.vercel.request_state
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field deployment? string  the deployment it was asked for; a later request for another one is "overtaken"
---@field since? any  `since` of what vercel.promote or vercel.rollback gave: an older request is not taken for it (milliseconds or ISO text)
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field type? "promote"|"rollback"  what was asked for
---@field as? string  the call's name in the journal

---What became of a promote or a rollback
---@param o string|pipe.vercel.request_state
---@return any  # {status, phase (moving, good, bad, unknown), words, deployment, from, type, at, requested_at, live, automatic, frozen_by, failed = list of {alias, status}, project, project_id}
function vercel.request_state(o) end

---@class pipe.vercel.rollback
---@field deployment string  its id or address, or "previous": the newest production deployment before the one that is live
---@field project string  its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team }`
---@field description? string  why, for the others who see the project on Vercel
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---Leads the production domains back to an earlier deployment; later pushes do not go live until a promote
---@param o string|pipe.vercel.rollback
---@return any  # {project, project_id, deployment, url, commit, branch, from, from_commit, changed, queued, rebuilt, automatic, since (for vercel.request_state), note}
function vercel.rollback(o) end

---@class pipe.vercel.who
---@field team? string  the team's id (team_…) or slug; else the environment's, else providers.vercel.team
---@field as? string  the call's name in the journal

---Whose credential it is, and which teams it reaches; refuses a team it does not
---@param o? string|pipe.vercel.who
---@return any  # {user{id, username, email, name}, teams = list of {id, slug, name, role}, team}
function vercel.who(o) end

version = {}

---version.bump(v, kind [, id]): major minor patch premajor … prerelease
function version.bump(v, kind, ...) end

---version.compare(a, b): precedence as SemVer 2.0; loose forms allowed
function version.compare(a, b) end

---version.normal(text): "v1.2" as "1.2.0"
function version.normal(text) end

---version.parse(text): its parts
function version.parse(text) end

---version.satisfies(v, range [, {include_pre = true}]): ranges as node-semver's
function version.satisfies(v, range, ...) end

---version.sort(list): ascending by precedence
function version.sort(list) end

yaml = {}

---yaml.decode(text): reads one YAML 1.2 document
function yaml.decode(text) end

---yaml.decode_all(text): reads all documents
function yaml.decode_all(text) end

---yaml.encode(data): writes YAML
function yaml.encode(data) end
