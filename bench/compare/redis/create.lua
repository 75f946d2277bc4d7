-- Creates an order and holds its units. KEYS: order, stock. ARGV: buyer, product, quantity, amount, currency.
-- Asked again it answers the same; an order is decided once.
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
if redis.call('DECRBY', KEYS[2], ARGV[3]) < 0 then
  redis.call('INCRBY', KEYS[2], ARGV[3])
  return -1
end
redis.call('HSET', KEYS[1], 's', 1, 'b', ARGV[1], 'p', ARGV[2], 'q', ARGV[3], 'a', ARGV[4], 'c', ARGV[5])
return 1
