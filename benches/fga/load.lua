-- What wrk sends to `ztag fga serve`: checks, or batches of fifty, with questions of a file.
-- Arguments: the path of the call, the file (a user and an object on each line), how many to a request.

local bodies, at = {}, 0

local function key(user, object)
    return '{"user":"' .. user .. '","relation":"viewer","object":"' .. object .. '"}'
end

function init(args)
    local path, file, size = args[1], args[2], tonumber(args[3])
    local items = {}
    for line in io.lines(file) do
        local user, object = line:match("^(%S+) (%S+)$")
        if size == 1 then
            bodies[#bodies + 1] = '{"tuple_key":' .. key(user, object) .. '}'
        else
            items[#items + 1] = '{"tuple_key":' .. key(user, object) .. ',"correlation_id":"' .. #items .. '"}'
            if #items == size then
                bodies[#bodies + 1] = '{"checks":[' .. table.concat(items, ",") .. "]}"
                items = {}
            end
        end
    end
    for number, body in ipairs(bodies) do
        bodies[number] = wrk.format("POST", path, { ["Content-Type"] = "application/json" }, body)
    end
end

function request()
    at = at % #bodies + 1
    return bodies[at]
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
