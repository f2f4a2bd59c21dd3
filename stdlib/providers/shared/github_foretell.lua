-- What a tag that is about to be made would start, in a sentence: for the line of a dry-run, and
-- for the run's own words before it makes the tag. It never keeps a tag from being made.

local host = ...

local api = host.require "github_api"

local M = {}

local function is_started(workflow)
  return workflow.starts == true or workflow.starts == "may"
end

-- "which migrates the production database", or nil.
local function migrates(workflow)
  for _, mention in ipairs(workflow.mentions) do
    if mention.kind == "migrates" then
      return "which migrates " .. (mention.production and "the production database"
        or "a database")
    end
  end
end

local function words_of(workflow)
  local out = ("%s:%d"):format(workflow.file:match("[^/]*$"), workflow.line)
  local why = workflow.trigger and workflow.trigger:gsub("'", "")
  local more = workflow.starts == "may" and "may start" or nil
  if why or more then
    out = ("%s (%s)"):format(out, why and more and why .. ", " .. more or why or more)
  end
  local what = migrates(workflow)
  return what and out .. ", " .. what or out
end

-- Those that migrate come last, where "which" can only mean them.
local function ordered(list)
  local out = {}
  for _, wanted in ipairs { false, true } do
    for _, workflow in ipairs(list) do
      if is_started(workflow) and (migrates(workflow) ~= nil) == wanted then
        out[#out + 1] = words_of(workflow)
      end
    end
  end
  return out
end

local function broken(list)
  local out = {}
  for _, workflow in ipairs(list) do
    if workflow.starts == "unknown" then
      out[#out + 1] = ("%s:%d"):format(workflow.file:match("[^/]*$"), workflow.line)
    end
  end
  return out
end

-- The first reason that is not the workflow's own, such as words of the commit.
local function suppressed(list)
  for _, workflow in ipairs(list) do
    if workflow.why and workflow.why:find("^the commit's message") then
      return workflow.why
    end
  end
end

local function sentence(told)
  local list = ordered(told.workflows)
  local text
  if #list == 0 then
    local why = suppressed(told.workflows)
    text = "starts no workflow" .. (why and ": " .. why or "")
  else
    text = ("starts %d workflow%s: %s"):format(#list, #list == 1 and "" or "s",
      table.concat(list, ", "))
  end
  local wrong = broken(told.workflows)
  if #wrong > 0 then
    text = ("%s; not known of %s, which GitHub would not accept"):format(text,
      table.concat(wrong, ", "))
  end
  if type(told.commit) == "string" and api.is_later(told.commit) then
    text = text .. " (by the workflow files of today: the commit does not exist yet)"
  end
  return text
end

--- "starts 2 workflows: ios-release.yml:5 (push.tags v*), …", or why that cannot be told.
function M.tag(name, sha)
  local ok, told = pcall(function ()
    return host.provider "forecast".verbs.tag.act { tag = name, commit = sha }
  end)
  if not ok then
    return "may start workflows; which ones cannot be told: "
      .. (type(told) == "table" and told.message or tostring(told))
  end
  return sentence(told)
end

--- The run's own words, before the tag is made.
function M.say(name, sha)
  host.log(("tag %s at %s %s"):format(name, api.short(sha), M.tag(name, sha)))
end

return M
