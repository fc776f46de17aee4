//! What happens in the shop when somebody visits it.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::dice::Dice;
use super::trace::{Open, Service, Spans, string};

const BROWSER: Service = ("browser", "2.4.0", "webjs");
const STOREFRONT: Service = ("storefront", "5.1.2", "nodejs");
const CATALOGUE: Service = ("catalogue", "3.0.7", "go");
const CART: Service = ("cart", "1.9.0", "dotnet");
const CHECKOUT: Service = ("checkout", "4.2.1", "java");
const INVENTORY: Service = ("inventory", "2.2.0", "python");
const PAYMENT: Service = ("payment", "1.4.5", "java");
const FULFILMENT: Service = ("fulfilment", "0.8.3", "rust");
const SHIPPING: Service = ("shipping", "2.0.0", "go");
const MAILER: Service = ("mailer", "1.1.0", "ruby");

const PRODUCTS: [&str; 6] = [
    "teapot",
    "ball-of-thread",
    "lantern",
    "map-of-knossos",
    "wax-wings",
    "olive-oil",
];
const COUNTRIES: [&str; 5] = ["GR", "DE", "JP", "BR", "US"];

/// Orders that a fulfilment worker takes at once.
const ORDERS_PER_BATCH: usize = 3;

/// Tries of a payment.
const PAYMENT_ATTEMPTS: i64 = 3;

/// The shop: its chance, the spans so far, and orders that wait for a worker.
pub(super) struct Shop {
    dice: Dice,
    spans: Spans,
    waiting_orders: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Shop {
    /// A shop without visitors.
    pub(super) fn new(dice: Dice) -> Self {
        Self {
            dice,
            spans: Spans::default(),
            waiting_orders: Vec::new(),
        }
    }

    /// The spans so far.
    pub(super) fn take(&mut self) -> Vec<ResourceSpans> {
        self.spans.take()
    }

    /// One visitor does one thing; orders that have gathered are worked on.
    pub(super) fn visit(&mut self, start: u64) {
        match self.dice.between(0, 10) {
            0..5 => self.page(start, "GET /products", "/products", Self::list_products),
            5..8 => self.page(
                start,
                "GET /products/{id}",
                "/products/teapot",
                Self::show_product,
            ),
            8 => self.page(start, "POST /cart", "/cart", Self::add_to_cart),
            _ => self.page(start, "POST /checkout", "/checkout", Self::check_out),
        }
        if self.waiting_orders.len() >= ORDERS_PER_BATCH {
            self.fulfil(start + 400_000_000);
        }
    }

    /// The browser asks the storefront, which does `work`; it says whether that went well.
    fn page(&mut self, start: u64, name: &str, path: &str, work: fn(&mut Self, &mut Open) -> bool) {
        let mut browser = Open::root(&self.dice, BROWSER, SpanKind::Client, name, start);
        let session = format!("{:016x}", self.dice.bits());
        let country = *self.dice.pick(&COUNTRIES);
        browser
            .with("url.path", string(path))
            .with("session.id", string(session))
            .with("client.geo.country_iso_code", string(country));
        browser.spend(self.dice.latency_ns(4_000));
        let mut server = browser.child(&self.dice, STOREFRONT, SpanKind::Server, name);
        let (method, route) = name.split_once(' ').unwrap_or(("GET", name));
        server
            .with("http.request.method", string(method))
            .with("http.route", string(route))
            .with("url.scheme", string("https"));
        server.spend(self.dice.latency_ns(700));
        let good = work(self, &mut server);
        server.spend(self.dice.latency_ns(500));
        let status = if good { 200 } else { 503 };
        server.with("http.response.status_code", Any::IntValue(status));
        browser.with("http.response.status_code", Any::IntValue(status));
        if !good {
            server.fail(None, "");
            browser.fail(None, "the shop answered 503");
        }
        browser.now = server.end(&mut self.spans);
        browser.spend(self.dice.latency_ns(3_000));
        browser.end(&mut self.spans);
    }

    /// A call from one service to another one: client span, server span, and `work` inside of it.
    fn call(
        &mut self,
        caller: &mut Open,
        services: (Service, Service),
        method: &str,
        work: impl FnOnce(&mut Self, &mut Open) -> bool,
    ) -> bool {
        let (from, to) = services;
        let mut client = caller.child(&self.dice, from, SpanKind::Client, method);
        client
            .with("rpc.system", string("grpc"))
            .with("rpc.method", string(method))
            .with("server.address", string(to.0));
        client.spend(self.dice.latency_ns(250));
        let mut server = client.child(&self.dice, to, SpanKind::Server, method);
        server
            .with("rpc.system", string("grpc"))
            .with("rpc.method", string(method));
        server.spend(self.dice.latency_ns(150));
        let good = work(self, &mut server);
        let code = if good { 0 } else { 14 };
        for span in [&mut client, &mut server] {
            span.with("rpc.grpc.status_code", Any::IntValue(code));
        }
        client.now = server.end(&mut self.spans);
        client.spend(self.dice.latency_ns(250));
        if !good {
            client.fail(Some("UNAVAILABLE"), &format!("{method}: unavailable"));
        }
        caller.now = client.end(&mut self.spans);
        good
    }

    fn database(
        &mut self,
        caller: &mut Open,
        service: Service,
        system: &str,
        query: &str,
        typical_us: u64,
    ) {
        let operation = query.split(' ').next().unwrap_or(query);
        let mut span = caller.child(&self.dice, service, SpanKind::Client, operation);
        span.with("db.system.name", string(system))
            .with("db.query.text", string(query))
            .with("db.operation.name", string(operation));
        let slow = self.dice.chance(0.02);
        span.spend(
            self.dice
                .latency_ns(if slow { typical_us * 30 } else { typical_us }),
        );
        if slow {
            span.event("lock wait", Vec::new());
        }
        caller.now = span.end(&mut self.spans);
    }

    fn list_products(&mut self, page: &mut Open) -> bool {
        self.call(
            page,
            (STOREFRONT, CATALOGUE),
            "shop.Catalogue/List",
            |shop, server| {
                shop.database(server, CATALOGUE, "redis", "GET products:front", 300);
                if shop.dice.chance(0.2) {
                    server.event("cache miss", Vec::new());
                    shop.database(
                        server,
                        CATALOGUE,
                        "postgresql",
                        "SELECT id, name, price FROM products ORDER BY rank LIMIT $1",
                        6_000,
                    );
                    shop.database(server, CATALOGUE, "redis", "SET products:front EX 60", 400);
                }
                true
            },
        )
    }

    fn show_product(&mut self, page: &mut Open) -> bool {
        let product = *self.dice.pick(&PRODUCTS);
        page.with("app.product.id", string(product));
        self.call(
            page,
            (STOREFRONT, CATALOGUE),
            "shop.Catalogue/Get",
            |shop, server| {
                server.with("app.product.id", string(product));
                shop.database(
                    server,
                    CATALOGUE,
                    "postgresql",
                    "SELECT * FROM products WHERE id = $1",
                    1_500,
                );
                true
            },
        ) && self.call(
            page,
            (STOREFRONT, INVENTORY),
            "shop.Inventory/Stock",
            Self::stock,
        )
    }

    /// The inventory sometimes takes too long.
    fn stock(&mut self, server: &mut Open) -> bool {
        self.database(
            server,
            INVENTORY,
            "postgresql",
            "SELECT sum(quantity) FROM stock WHERE product = $1",
            2_500,
        );
        if self.dice.chance(0.03) {
            server.spend(2_000_000_000);
            server.fail(
                Some("TimeoutError"),
                "no connection from the pool within 2 s",
            );
            return false;
        }
        true
    }

    fn add_to_cart(&mut self, page: &mut Open) -> bool {
        let quantity = self.dice.between(1, 5) as i64;
        self.call(page, (STOREFRONT, CART), "shop.Cart/Add", |shop, server| {
            server.with("app.cart.quantity", Any::IntValue(quantity));
            shop.database(server, CART, "redis", "HINCRBY cart:session quantity", 350);
            true
        })
    }

    fn check_out(&mut self, page: &mut Open) -> bool {
        let order = format!("order-{:08}", self.dice.between(0, 100_000_000));
        page.with("app.order.id", string(order.as_str()));
        self.call(
            page,
            (STOREFRONT, CHECKOUT),
            "shop.Checkout/Place",
            |shop, server| {
                server.with("app.order.id", string(order.as_str()));
                shop.call(server, (CHECKOUT, CART), "shop.Cart/Get", |shop, cart| {
                    shop.database(cart, CART, "redis", "HGETALL cart:session", 300);
                    true
                });
                let reserved = shop.call(
                    server,
                    (CHECKOUT, INVENTORY),
                    "shop.Inventory/Reserve",
                    Self::stock,
                );
                if !(reserved && shop.pay(server)) {
                    server.fail(Some("CheckoutFailed"), "the order could not be placed");
                    return false;
                }
                shop.publish(server, &order);
                true
            },
        )
    }

    /// Payment is tried several times; the card network is not what it should be.
    fn pay(&mut self, checkout: &mut Open) -> bool {
        let amount = self.dice.between(500, 50_000) as f64 / 100.0;
        (1..=PAYMENT_ATTEMPTS).any(|attempt| {
            let paid = self.call(
                checkout,
                (CHECKOUT, PAYMENT),
                "shop.Payment/Charge",
                |shop, server| {
                    server
                        .with("app.payment.amount", Any::DoubleValue(amount))
                        .with("app.payment.attempt", Any::IntValue(attempt));
                    let mut network = server.child(&shop.dice, PAYMENT, SpanKind::Client, "POST");
                    network
                        .with("http.request.method", string("POST"))
                        .with("server.address", string("cards.example"));
                    network.spend(shop.dice.latency_ns(45_000));
                    let good = shop.dice.chance(0.85);
                    network.with(
                        "http.response.status_code",
                        Any::IntValue(if good { 200 } else { 502 }),
                    );
                    if !good {
                        network.fail(Some("502"), "bad gateway");
                        server.fail(Some("CardNetworkError"), "the card network answered 502");
                    }
                    server.now = network.end(&mut shop.spans);
                    good
                },
            );
            if !paid {
                checkout.event("retry", Vec::new());
                checkout.spend(100_000_000);
            }
            paid
        })
    }

    fn publish(&mut self, checkout: &mut Open, order: &str) {
        let mut span = checkout.child(&self.dice, CHECKOUT, SpanKind::Producer, "send orders");
        span.with("messaging.system", string("kafka"))
            .with("messaging.destination.name", string("orders"))
            .with("messaging.operation.type", string("send"))
            .with("app.order.id", string(order));
        span.spend(self.dice.latency_ns(1_200));
        self.waiting_orders.push(span.context());
        let mut mailer = span.child(&self.dice, MAILER, SpanKind::Consumer, "process orders");
        mailer.spend(self.dice.latency_ns(30_000));
        mailer
            .with("messaging.system", string("kafka"))
            .with("messaging.destination.name", string("orders"));
        mailer.end(&mut self.spans);
        checkout.now = span.end(&mut self.spans);
    }

    /// A worker takes the orders that wait, in a trace of its own that links to each of them.
    fn fulfil(&mut self, start: u64) {
        let mut worker = Open::root(
            &self.dice,
            FULFILMENT,
            SpanKind::Consumer,
            "process orders",
            start,
        );
        let orders = std::mem::take(&mut self.waiting_orders);
        worker
            .with("messaging.system", string("kafka"))
            .with("messaging.destination.name", string("orders"))
            .with(
                "messaging.batch.message_count",
                Any::IntValue(orders.len() as i64),
            );
        for order in orders {
            worker.link(order);
            self.call(
                &mut worker,
                (FULFILMENT, SHIPPING),
                "shop.Shipping/Book",
                |shop, server| {
                    let mut pack =
                        server.child(&shop.dice, SHIPPING, SpanKind::Internal, "choose carrier");
                    pack.spend(shop.dice.latency_ns(2_000));
                    pack.with(
                        "app.shipping.express",
                        Any::BoolValue(shop.dice.chance(0.3)),
                    );
                    server.now = pack.end(&mut shop.spans);
                    true
                },
            );
        }
        worker.end(&mut self.spans);
    }
}

#[cfg(test)]
mod tests;
