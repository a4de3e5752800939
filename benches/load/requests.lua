-- The requests that wrk sends, formatted once: one for each of a thousand tokens.
-- Argument `traefik`: the request as Traefik describes it to an authorisation server.
-- Arguments `signed HOST FILE COUNT [BODY]`: to this host, with the first tokens of the file; a body is posted.

local requests, at = {}, 0

function init(args)
    local headers = {
        ["Host"] = "api.example.com",
        ["Accept"] = "application/json",
        ["X-Tenant"] = "acme",
    }
    if args[1] == "traefik" then
        headers["X-Forwarded-Method"] = "GET"
        headers["X-Forwarded-Proto"] = "https"
        headers["X-Forwarded-Host"] = "api.example.com"
        headers["X-Forwarded-Uri"] = "/v1/orders/4711?page=2"
        headers["X-Forwarded-For"] = "192.0.2.10"
    end
    if args[1] == "signed" then
        headers["Host"] = args[2]
        local method, body = "GET", nil
        if args[5] then
            method, body = "POST", io.open(args[5]):read("a")
            headers["Content-Type"] = "application/json"
        end
        for token in io.lines(args[3]) do
            if #requests == tonumber(args[4]) then break end
            headers["Authorization"] = "Bearer " .. token
            requests[#requests + 1] = wrk.format(method, nil, headers, body)
        end
        return
    end
    for number = 1, 1000 do
        local token = string.format("zt1-%08d-QmVhcmVyVG9rZW5Gb3JCZW5jaG1hcms", number)
        headers["Authorization"] = "Bearer " .. token
        requests[number] = wrk.format("GET", nil, headers)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

-- Requests, microseconds, percentiles in microseconds, replies above 399, and socket errors.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "RESULT %d %d %d %d %d %d\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout
    ))
end
