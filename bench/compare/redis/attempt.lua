-- A payment has begun. KEYS: order. ARGV: channel, amount.
local status = tonumber(redis.call('HGET', KEYS[1], 's') or 0)
if status >= 2 then return 2 end
if status ~= 1 then return -1 end
redis.call('HSET', KEYS[1], 's', 2, 'h', ARGV[1], 'm', ARGV[2])
return 2
