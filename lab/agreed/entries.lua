#!lua name=entries
-- The cache's policy (lab/agreed/cache.py). Entries live for TTL_S scenario seconds, of which TIME_SCALE pass in a real
-- one. FROZEN_SHARE of the keys are neither refreshed nor expired; MIXED_SHARE answer with the entry of another of the
-- keys 0 to KEYS_COUNT[kind] of their kind, always the same one. A key is its kind and a number: `user:5`.
-- Only get_entry looks keys up by GET, so the server's hit and miss counts are those of the look-ups.
local TTL_S, TIME_SCALE, FROZEN_SHARE, MIXED_SHARE, KEYS_COUNT = @POLICY@

local function ttl_ms()
    return math.max(1, math.floor(TTL_S / TIME_SCALE * 1000 + 0.5))
end

-- Where a key lies among all, from 0 to 1: a share of the keys is those below it.
local function place(key)
    return tonumber(string.sub(redis.sha1hex(key), 1, 6), 16) / 0x1000000
end

local function frozen(key)
    return FROZEN_SHARE > 0 and place(key) < FROZEN_SHARE
end

-- The key whose entry answers for this one: its own, or that of the one half of all further on.
local function answering(key)
    if MIXED_SHARE > 0 and place(key) < MIXED_SHARE then
        local kind, number = string.match(key, '^(%a+):(%d+)$')
        local count = kind and KEYS_COUNT[kind]
        if count then
            return kind .. ':' .. string.format('%d', (tonumber(number) + math.ceil(count / 2)) % count)
        end
    end
    return key
end

local function get_entry(keys)
    return redis.call('GET', answering(keys[1]))
end

local function put_entry(keys, args)
    if frozen(keys[1]) then
        return redis.call('SET', keys[1], args[1], 'NX')
    end
    return redis.call('SET', keys[1], args[1], 'PX', ttl_ms())
end

-- Writes those entries that exist; returns how many.
local function refresh_entries(keys, args)
    local count = 0
    for i, key in ipairs(keys) do
        if not frozen(key) and redis.call('SET', key, args[i], 'XX', 'PX', ttl_ms()) then
            count = count + 1
        end
    end
    return count
end

-- Brings the entries held in line with a policy just loaded. An entry that was frozen and no longer is expires at once.
local function apply_policy()
    for _, key in ipairs(redis.call('KEYS', '*')) do
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
