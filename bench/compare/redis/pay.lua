-- A verified payment, which issues at once. KEYS: order, list of cards. ARGV: trade number, amount, 1 = a card is given.
-- The same trade number again gets the same answer, another one a refusal.
local now = redis.call('HMGET', KEYS[1], 's', 'a', 't')
local status = tonumber(now[1] or 0)
if status >= 4 then
  if now[3] == ARGV[1] then return 4 end
  return -2
end
if status < 1 or now[2] ~= ARGV[2] then return -1 end
if ARGV[3] == '1' then
  local card = redis.call('LPOP', KEYS[2])
  if not card then return -3 end
  redis.call('HSET', KEYS[1], 's', 4, 't', ARGV[1], 'k', card)
else
  redis.call('HSET', KEYS[1], 's', 4, 't', ARGV[1])
end
return 4
