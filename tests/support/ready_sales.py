"""Sale events for measurements: made before the clock starts."""

from random import Random


def sales(count: int) -> list[bytes]:
    """Events as the generator writes them, about 460 bytes each."""
    r = Random(1)
    events = []
    for i in range(count):
        units, cents = r.randint(1, 5), r.randint(100, 9999)
        events.append(
            f'{{"schema_version":1,"event_id":"019ab0c2-{r.getrandbits(16):04x}-7000-8000-'
            f'{r.getrandbits(48):012x}","event_type":"sale","batch_id":"20261123T1000Z-PT1H",'
            f'"transaction_id":"T-20261123-{i:09d}","line_number":{i % 5 + 1},'
            f'"occurred_at":"2026-11-23T10:{i // 60 % 60:02d}:{i % 60:02d}.{i % 1000:03d}Z",'
            f'"store_id":"S{r.randint(0, 50):03d}","region":"West","channel":"store",'
            f'"customer_id":"C{r.randint(0, 99999):07d}","product_id":"P{r.randint(0, 5000):05d}",'
            f'"product_name":"Olive oil 1 l","category":"Groceries","quantity":{units},'
            f'"unit_price":{cents // 100}.{cents % 100:02d},"discount_amount":0.00,'
            f'"net_amount":{units * cents // 100}.{units * cents % 100:02d},"currency":"USD",'
            f'"payment_method":"card"}}'.encode()
        )
    return events
