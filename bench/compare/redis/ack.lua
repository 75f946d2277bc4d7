-- The delivery is acknowledged. KEYS: order.
local status = tonumber(redis.call('HGET', KEYS[1], 's') or 0)
if status == 5 then return 5 end
if status ~= 4 then return -1 end
redis.call('HSET', KEYS[1], 's', 5)
return 5
