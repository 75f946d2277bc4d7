-- The lifecycle in PostgreSQL: one function a step, each its own transaction, each answering the same when asked again.
CREATE TABLE stock (product int PRIMARY KEY, free bigint NOT NULL CHECK (free >= 0)) WITH (fillfactor = 50);
CREATE TABLE cards (product int NOT NULL, number int NOT NULL, secret text NOT NULL, PRIMARY KEY (product, number));
CREATE TABLE orders (
  id bigint PRIMARY KEY, buyer bigint NOT NULL, product int NOT NULL, quantity int NOT NULL, amount bigint NOT NULL,
  currency smallint NOT NULL, status smallint NOT NULL, channel smallint, trade bigint, card text
) WITH (fillfactor = 70);
INSERT INTO stock SELECT n, 1000000000 FROM generate_series(0, :products - 1) n;
INSERT INTO cards SELECT n % :products, n / :products, 'C' || lpad(n::text, 15, '0')
  FROM generate_series(0, :cards - 1) n;

CREATE FUNCTION order_create(i bigint, b bigint, p int, q int, a bigint, c smallint) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders (id, buyer, product, quantity, amount, currency, status) VALUES (i, b, p, q, a, c, 1)
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN 1; END IF;
  UPDATE stock SET free = free - q WHERE product = p AND free >= q;
  IF NOT FOUND THEN RAISE EXCEPTION 'sold out'; END IF;
  RETURN 1;
END $$;

CREATE FUNCTION order_attempt(i bigint, h smallint) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  UPDATE orders SET status = 2, channel = h WHERE id = i AND status = 1;
  IF FOUND THEN RETURN 2; END IF;
  PERFORM 1 FROM orders WHERE id = i AND status >= 2;
  IF NOT FOUND THEN RAISE EXCEPTION 'no such order'; END IF;
  RETURN 2;
END $$;

CREATE FUNCTION order_pay(i bigint, t bigint, a bigint, p int, with_card boolean) RETURNS int LANGUAGE plpgsql AS $$
DECLARE given text;
BEGIN
  IF with_card THEN
    PERFORM 1 FROM orders WHERE id = i AND trade = t;
    IF FOUND THEN RETURN 4; END IF;
    DELETE FROM cards WHERE (product, number) =
      (SELECT product, number FROM cards WHERE product = p ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING secret INTO given;
    IF NOT FOUND THEN RAISE EXCEPTION 'no card is left'; END IF;
  END IF;
  UPDATE orders SET status = 4, trade = t, card = given WHERE id = i AND status IN (1, 2) AND amount = a;
  IF FOUND THEN RETURN 4; END IF;
  PERFORM 1 FROM orders WHERE id = i AND trade = t;
  IF NOT FOUND THEN RAISE EXCEPTION 'refused'; END IF;
  RETURN 4;
END $$;

CREATE FUNCTION order_ack(i bigint) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  UPDATE orders SET status = 5 WHERE id = i AND status = 4;
  IF FOUND THEN RETURN 5; END IF;
  PERFORM 1 FROM orders WHERE id = i AND status = 5;
  IF NOT FOUND THEN RAISE EXCEPTION 'not issued'; END IF;
  RETURN 5;
END $$;
ANALYZE;
