#!lua name=entries
-- The cache's write policy. Entries live for TTL_MS; FROZEN_SHARE of the keys are neither refreshed nor expired.
-- Only get_entry looks keys up by GET, so the server's hit and miss counts are those of the look-ups.
local TTL_MS, FROZEN_SHARE = @TTL_MS@, @FROZEN_SHARE@

local function frozen(key)
    return FROZEN_SHARE > 0 and tonumber(string.sub(redis.sha1hex(key), 1, 6), 16) / 0x1000000 < FROZEN_SHARE
end

local function get_entry(keys)
    return redis.call('GET', keys[1])
end

local function put_entry(keys, args)
    if frozen(keys[1]) then
        return redis.call('SET', keys[1], args[1], 'NX')
    end
    return redis.call('SET', keys[1], args[1], 'PX', TTL_MS)
end

-- Writes those entries that exist; returns how many.
local function refresh_entries(keys, args)
    local count = 0
    for i, key in ipairs(keys) do
        if not frozen(key) and redis.call('SET', key, args[i], 'XX', 'PX', TTL_MS) then
            count = count + 1
        end
    end
    return count
end

-- Brings the entries held in line with a policy just loaded; what was frozen and is not any more has outlived its time.
local function apply_policy()
    for _, key in ipairs(redis.call('KEYS', 'user:*')) do
        if frozen(key) then
            redis.call('PERSIST', key)
        else
            redis.call('PEXPIRE', key, 1, 'NX')
        end
    end
    return FROZEN_SHARE > 0 and 'frozen' or 'ok'
end

redis.register_function{function_name = 'get_entry', callback = get_entry, flags = {'no-writes'}}
redis.register_function('put_entry', put_entry)
redis.register_function('refresh_entries', refresh_entries)
redis.register_function('apply_policy', apply_policy)
