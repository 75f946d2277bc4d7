\set n :n + 1
\set id :first + :client_id * 10000000 + :n
\set product random(0, :products - 1)
SELECT order_create(:id, :id, :product, 1, 990, 156::smallint);
SELECT order_attempt(:id, 1::smallint);
SELECT order_pay(:id, :id, 990, :product, :cards = 1);
SELECT order_ack(:id);
