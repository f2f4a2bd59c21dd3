-- Every state that App Store Connect has for what we look at: where it leads
-- (moving, good, bad), and what it means. A word that is in no table is "unknown",
-- never a success.

local M = {}

-- appVersionState. (appStoreState is its deprecated twin and has other words.)
M.version = {
  PREPARE_FOR_SUBMISSION = { "moving", "it is being prepared; nothing was submitted" },
  READY_FOR_REVIEW = { "moving", "it lies in a submission that was not submitted yet" },
  WAITING_FOR_REVIEW = { "moving", "it waits for Apple's reviewers" },
  IN_REVIEW = { "moving", "Apple reviews it" },
  WAITING_FOR_EXPORT_COMPLIANCE = { "moving", "Apple looks at its export documents" },
  ACCEPTED = { "moving", "it was accepted; other parts of the submission are under review" },
  PENDING_DEVELOPER_RELEASE = { "good", "it was approved and waits for appstore.release" },
  PENDING_APPLE_RELEASE = { "moving", "it was approved and waits for its date" },
  PROCESSING_FOR_DISTRIBUTION = { "moving", "it is on its way to the store; up to a day" },
  READY_FOR_DISTRIBUTION = { "good", "it is in the store" },
  REJECTED = { "bad", "Apple rejected it: the reasons are in App Store Connect" },
  METADATA_REJECTED = { "bad", "Apple rejected its texts or pictures; no new build is needed" },
  DEVELOPER_REJECTED = { "bad", "somebody of the team withdrew it from review" },
  INVALID_BINARY = { "bad", "its build was found invalid; Apple wrote a mail about it" },
  REPLACED_WITH_NEW_VERSION = { "bad", "a newer version took its place" },
}

-- processingState of a build.
M.processing = {
  PROCESSING = { "moving", "Apple processes it" },
  VALID = { "good", "it was processed" },
  FAILED = { "bad", "its processing failed: the reason comes by mail only" },
  INVALID = { "bad", "Apple found it invalid: the reason comes by mail only" },
}

-- internalBuildState and externalBuildState.
M.beta = {
  PROCESSING = { "moving", "Apple processes it" },
  PROCESSING_EXCEPTION = { "bad", "its processing failed" },
  MISSING_EXPORT_COMPLIANCE = { "bad",
    "it is stuck until the question about encryption is answered "
      .. "(appstore.set_export_compliance)" },
  IN_EXPORT_COMPLIANCE_REVIEW = { "moving", "Apple looks at its export documents" },
  READY_FOR_BETA_TESTING = { "good", "testers can have it once a group has it" },
  IN_BETA_TESTING = { "good", "testers have it" },
  READY_FOR_BETA_SUBMISSION = { "moving", "testers outside of the team need a beta review first" },
  WAITING_FOR_BETA_REVIEW = { "moving", "it waits for the beta review" },
  IN_BETA_REVIEW = { "moving", "Apple reviews it for testers" },
  BETA_APPROVED = { "good", "it was approved for testers" },
  BETA_REJECTED = { "bad", "the beta review rejected it" },
  EXPIRED = { "bad", "it is older than 90 days, or somebody expired it" },
  NOT_APPLICABLE = { "good", "it does not go to testers outside" },
}

M.beta_review = {
  WAITING_FOR_REVIEW = { "moving", "it waits for the beta review" },
  IN_REVIEW = { "moving", "Apple reviews it for testers" },
  APPROVED = { "good", "it may go to testers outside" },
  REJECTED = { "bad", "the beta review rejected it" },
}

M.submission = {
  READY_FOR_REVIEW = { "moving", "it is being put together; nothing was submitted" },
  WAITING_FOR_REVIEW = { "moving", "it waits for Apple's reviewers" },
  IN_REVIEW = { "moving", "Apple reviews it" },
  UNRESOLVED_ISSUES = { "bad", "Apple rejected something of it" },
  CANCELING = { "moving", "it is being withdrawn" },
  COMPLETING = { "moving", "it is about to end" },
  COMPLETE = { "good", "it is over" },
}

M.phased = {
  INACTIVE = { "moving", "it begins when the version is released" },
  ACTIVE = { "moving", "more users get it every day" },
  PAUSED = { "moving", "nobody new gets it; a pause can last 30 days in all" },
  COMPLETE = { "good", "all users get it" },
}

-- Share of the users on each day of a phased release.
M.percent = { 1, 2, 5, 10, 20, 50, 100 }

--- phase, words of a state in one of the tables.
function M.of(states, word)
  local known = states[word]
  if known then
    return known[1], known[2]
  end
  return "unknown", "a state that this version of pipe does not know"
end

return M
