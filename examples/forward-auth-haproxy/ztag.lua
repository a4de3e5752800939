-- Asks forward-auth about each request. HAProxy 2.5 or newer.
--
--   http-request lua.ztag http://127.0.0.1:8080/api/auth
--
-- A permit sets the identity headers of the request; everything else is answered to the client
-- as forward-auth said it. No answer in time is a refusal.

-- Header fields of the reply that the application gets.
local identity = { "x-user", "x-groups" }

-- Milliseconds to wait for the decision.
local patience = 10000

-- Header fields of the request that concern the connection or its body, not the question.
local not_asked = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true,
  ["keep-alive"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true,
  ["upgrade"] = true,
}

-- Header fields of the reply that HAProxy writes itself.
local not_answered = {
  ["connection"] = true, ["content-length"] = true, ["keep-alive"] = true,
  ["transfer-encoding"] = true,
}

local function values(list)
  local found = {}
  for index, value in pairs(list) do found[#found + 1] = { index, value } end
  table.sort(found, function(a, b) return a[1] < b[1] end)
  for place, pair in ipairs(found) do found[place] = pair[2] end
  return found
end

local function question(txn)
  local headers = {}
  for name, list in pairs(txn.http:req_get_headers()) do
    if not not_asked[name] then headers[name] = values(list) end
  end
  local host = txn.f:req_hdr("host")
  headers["host"] = { host }
  headers["x-forwarded-method"] = { txn.f:method() }
  headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  headers["x-forwarded-host"] = { host }
  headers["x-forwarded-uri"] = { txn.f:url() }
  headers["x-forwarded-for"] = { txn.f:src() }
  return headers
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status, body = body })
  for name, list in pairs(headers) do
    if not not_answered[name] then
      for _, value in ipairs(values(list)) do reply:add_header(name, value) end
    end
  end
  txn:done(reply)
end

core.register_action("ztag", { "http-req" }, function(txn, url)
  local answer = core.httpclient():get({
    url = url, headers = question(txn), timeout = patience,
  })
  local status = answer and answer.status or 0
  if status < 200 or status > 599 then
    return refuse(txn, 502, {}, "")
  end
  if status > 299 then
    return refuse(txn, status, answer.headers, answer.body or "")
  end
  for _, name in ipairs(identity) do
    txn.http:req_del_header(name)
    local list = answer.headers[name]
    if list then
      for _, value in ipairs(values(list)) do txn.http:req_add_header(name, value) end
    end
  end
end, 1)
