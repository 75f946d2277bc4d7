/* Tables, one row a word: a new code, event or flag without its words fails a test. */
#include "why_words.h"

#include <stddef.h>

struct phrase {
    uint32_t number;
    const char *texts[ORDO_LANGUAGE_COUNT];
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *
find(const struct phrase *table, size_t count, enum ordo_language language, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].number == number) {
            return table[i].texts[language];
        }
    }
    return NULL;
}

/* ---- results ---- */

#define R(NAME, chinese)                                                                           \
    {                                                                                              \
        ORDO_RESULT_##NAME,                                                                        \
        {                                                                                          \
            NULL, chinese                                                                          \
        }                                                                                          \
    }

static const struct phrase results[] = {
    R(OK, "已完成"),
    R(BUSY, "系统繁忙,未作任何决定:请稍后用同一编号重发"),
    R(MALFORMED, "不是本协议的命令"),
    R(UNAUTHORISED, "该接口的角色无权发送此命令"),
    R(UNKNOWN, "没有看到答复:请用同一编号再问一次"),
    R(SHUTTING_DOWN, "服务正在停止:请在重启后重发"),
    R(ID_MISSING, "命令缺少 16 字节的非零编号"),
    R(ID_KIND, "这个命令编号已用于另一种命令"),
    R(ID_SHOP, "这个命令编号已用于另一家店铺"),
    R(ID_CONTENT, "这个命令编号已用于其他内容"),
    R(ORDER_UNKNOWN, "该店铺没有这个订单号"),
    R(ORDER_ID_INVALID, "订单号无效:须为 1 到 32 个字符 A-Z a-z 0-9 _ . : -"),
    R(ORDER_BUYER, "订单已存在,但买家不同"),
    R(ORDER_PRODUCT, "订单已存在,但商品不同"),
    R(ORDER_QUANTITY, "订单已存在,但数量不同"),
    R(ORDER_AMOUNT, "订单已存在,但金额不同"),
    R(ORDER_CURRENCY, "订单已存在,但币种不同"),
    R(ORDER_EXISTS, "订单已存在,内容相同"),
    R(ORDER_WAITS, "订单正在排队等货,不能这样做"),
    R(ORDER_COUPON, "订单已存在,但优惠券不同"),
    R(STATE_PENDING, "订单尚未支付,不能这样做"),
    R(STATE_PAYING, "订单正在支付中,不能这样做"),
    R(STATE_PAID, "订单已支付,不能这样做"),
    R(STATE_BACKORDER, "订单已付款并在等货,不能这样做"),
    R(STATE_ISSUING, "卡密已分配,正在发货,不能这样做"),
    R(STATE_COMPLETED, "订单已完成,不能这样做"),
    R(STATE_EXPIRED, "订单已过期,不能这样做"),
    R(STATE_CANCELLED, "订单已取消,不能这样做"),
    R(STATE_REFUNDING, "订单正在退款,不能这样做"),
    R(STATE_REFUNDED, "订单已退款,不能这样做"),
    R(STATE_PAY_FAILED, "订单支付失败,不能这样做"),
    R(LIST_MOVED, "上一页末尾的订单已离开该状态:请从头列出"),
    R(OPERATOR_MISSING, "缺少操作员姓名"),
    R(REASON_MISSING, "操作员没有写明原因"),
    R(ORDER_FROZEN, "订单已冻结:请先解冻"),
    R(CHAIN_INVALID, "组合下单须为 1 到 8 个不排队的下单,合计不超过 64 件"),
    R(LINKED_FAILED, "同一组合中的另一个订单被拒绝"),
    R(FACT_INVALID, "支付通知缺少类型、交易号,或金额为负"),
    R(FACT_UNVERIFIED, "支付通知没有说明由什么验证"),
    R(ATTEMPTS_FULL, "该订单的支付尝试次数已用完"),
    R(FACT_UNCONFIRMED, "该渠道须经查询确认才算付款:请向支付渠道查询"),
    R(REFUND_NOTHING, "订单没有可退的钱"),
    R(REFUND_EXCEEDS, "退款金额超过订单现有的钱"),
    R(REVIEW_NOTHING, "订单没有待核对的钱"),
    R(CHANNEL_INVALID, "渠道须有大于 0 的编号、不为负的容差和已知的选项"),
    R(STOCK_SHORT, "库存不足:可用数量少于所需"),
    R(CARD_INVALID, "密封卡密至少 57 字节"),
    R(CARD_TAKEN, "指定的卡已不可用"),
    R(STOCK_MODE, "该商品的库存方式不支持这样做"),
    R(PRODUCT_UNKNOWN, "该店铺没有这个商品:请先上架"),
    R(QUANTITY_INVALID, "一个订单只能买同一商品 1 到 64 件"),
    R(AMOUNT_MISMATCH, "金额不等于单价乘数量减优惠,或与订单金额不符"),
    R(CURRENCY_MISMATCH, "该商品以另一种货币出售"),
    R(PRODUCT_CLOSED, "该商品已停售"),
    R(CARD_NOT_OF_ORDER, "这张卡不属于该订单"),
    R(CARD_UNKNOWN, "该店铺没有这个卡号"),
    R(CARD_RANGE, "卡号范围无效:从第一张到最后一张,最多 256 张"),
    R(SALE_NOT_OPEN, "该商品尚未开售"),
    R(SALE_OVER, "该商品的销售已结束"),
    R(PURCHASE_CAP, "买家已达到该商品的限购数量"),
    R(HOLD_QUOTA, "买家未支付的占用数量已达上限"),
    R(SECOND_KEY_QUOTA, "同一来源(IP 或设备)未支付的占用数量已达上限"),
    R(HELD_SHARE, "该商品未支付占用的比例已达上限"),
    R(HOLD_LIMIT, "占用时间已达最长,不能再延长"),
    R(SECOND_KEY_INVALID, "来源标识须为空或 16 字节"),
    R(COUPON_UNKNOWN, "该店铺没有这张优惠券"),
    R(COUPON_NOT_VALID, "优惠券不适用于该商品或不在有效期内"),
    R(COUPON_SPENT, "优惠券的使用次数已用完"),
    R(COUPON_INVALID, "优惠券须有券码、优惠额和有效的时间段"),
    R(SETTING_UNKNOWN, "没有这个设置项"),
    R(SETTING_RANGE, "设置值超出允许范围"),
    R(SETTING_FIXED, "容量在建立数据目录时已固定"),
    R(PRODUCT_INVALID, "商品须有大于 0 的编号、不为负的价格、币种和已知的库存方式"),
    R(PRODUCT_MODE, "商品的库存方式不可更改"),
    R(PRODUCT_CURRENCY, "商品的币种不可更改"),
    R(FULL_ORDERS, "订单表已满,不能再下单"),
    R(FULL_PRODUCTS, "商品表已满"),
    R(FULL_CARDS, "卡表已满"),
    R(FULL_PAYMENTS, "支付表已满"),
    R(FULL_SECRETS, "密封卡密的存储已满"),
    R(FULL_BUYERS, "买家表已满"),
    R(FULL_EXTRAS, "优惠券、来源标识和排队订单的表已满"),
    R(FULL_COUPONS, "优惠券表已满"),
    R(FULL_CHANNELS, "渠道表已满"),
    R(FULL_SUBSCRIBERS, "订阅者表已满"),
    R(SUBSCRIBER_UNKNOWN, "该店铺没有这个订阅者:请先设置"),
    R(SUBSCRIBER_INVALID, "订阅者名称无效:须为 1 到 32 个字符 A-Z a-z 0-9 _ . : -"),
    R(SUBSCRIBER_AHEAD, "变更流还没有到这个序号"),
    R(PARKS_FULL, "搁置的订单已达上限:游标停在这里"),
    R(PARK_UNKNOWN, "该订阅者没有搁置这个订单"),
    R(UPDATES_AHEAD, "变更流还没有到这个序号:可能是另一条流"),
    R(HISTORY_UNKNOWN, "这个序号不属于该订单"),
    R(JOURNAL_UNREADABLE, "日志在该处无法读取:代码旁的文字说明位置"),
};

const char *ordo_why_result(enum ordo_language language, uint16_t code)
{
    const char *chinese = find(results, COUNT(results), ORDO_CHINESE, code);
    return language == ORDO_CHINESE || chinese == NULL ? chinese : ordo_result_text(code);
}

/* ---- dispositions ---- */

#define D(NAME, english, chinese)                                                                  \
    {                                                                                              \
        ORDO_DISPOSITION_##NAME,                                                                   \
        {                                                                                          \
            english, chinese                                                                       \
        }                                                                                          \
    }

static const struct phrase dispositions[] = {
    D(NONE, "nothing was received", "没有入账"),
    D(APPLIED, "it counts for the order", "已计入订单"),
    D(DUPLICATE, "known already: it changes nothing", "重复通知,不产生变化"),
    D(LATE_APPLIED,
      "it came after the hold had expired, and the order could still be honoured",
      "订单过期后才到账,仍可履约"),
    D(LATE_BACKORDER,
      "it came after the hold had expired; no unit is free, so the order waits for stock",
      "订单过期后才到账,暂时缺货,排队等货"),
    D(LATE_REFUND_DUE,
      "it came when the order could not be honoured any more: the money is to be given back",
      "到账时订单已无法履约,款项待退"),
    D(EXTRA_REFUND_DUE,
      "the order needed no money any more: all of this payment is to be given back",
      "订单已不需要付款,这笔款项全额待退"),
    D(SHORT,
      "too little, or in another currency: the money lies in review until a person decides",
      "金额不足或币种不符,款项待人工核对"),
    D(OVER_APPLIED,
      "too much: the price counts for the order, the rest is to be given back",
      "多付:应付部分计入订单,多出部分待退"),
    D(CONFLICT,
      "the gateway's number is known with other content: nothing was received, a person is to look",
      "交易号已存在但内容不同:未入账,需人工核对"),
    D(ORPHAN,
      "there is no such order yet or the fact has nothing to hold on to: kept for review",
      "没有对应的订单或付款,先登记,待核对"),
    D(REFUND_ECHO,
      "the gateway has given money back: it is booked as refunded",
      "支付渠道已退款,已登记为退款"),
    D(STALE, "too late or about nothing open: it changes nothing", "过时的通知,不产生变化"),
    D(BOUND_MANUAL,
      "the real payment of what a person had marked as paid: bound to it, nothing counts twice",
      "对应人工标记的付款,已与其合并,不重复计入"),
};

const char *ordo_why_disposition(enum ordo_language language, uint8_t disposition)
{
    return find(dispositions, COUNT(dispositions), language, disposition);
}

/* ---- events ---- */

/* Where the machine's text is about a guard, people get words of their own. */
#define EVENT(NAME, english, chinese)                                                              \
    {                                                                                              \
        ORDO_EVENT_##NAME,                                                                         \
        {                                                                                          \
            english, chinese                                                                       \
        }                                                                                          \
    }
#define E(NAME, chinese) EVENT(NAME, NULL, chinese)

static const struct phrase events[] = {
    EVENT(
        CREATE,
        "the order is created and its units are held for the buyer",
        "订单已创建,库存已为买家占用"),
    E(CREATE_PAID, "订单已创建,无需再付款"),
    E(WAIT, "订单已创建,排队等待库存"),
    E(WAIT_OVER, "排队等货超时"),
    EVENT(ATTEMPT, "a payment attempt is open", "支付尝试进行中"),
    E(EXTEND, "延长了占用时间"),
    EVENT(PAY, "paid exactly", "付款金额相符"),
    E(PAY_SHORT, "付款不足或币种不符"),
    E(PAY_OVER, "付款过多"),
    E(PAY_QUEUED, "付款金额相符但太迟,商品允许排队等货"),
    E(PAY_UNPLACED, "付款金额相符,但订单已无法履约"),
    E(PAY_UNCONFIRMED, "渠道称已付款,须经查询确认"),
    E(PAY_AGAIN, "同一订单的同一笔付款再次通知"),
    E(PAY_CONFLICT, "已知的付款,内容却不同"),
    E(PAY_MANUAL, "人工标记已付之后到账的真实付款"),
    E(MARK_PAID, "操作员标记为已付款"),
    E(ACCEPT, "操作员接受了待核对的款项"),
    E(NO_STOCK, "已付款,但暂时无货"),
    E(STOCKED, "货已到,由人工发货"),
    E(ISSUE, "已为订单分配货品"),
    E(BACKORDER_OVER, "等货超过最长时间"),
    E(REDELIVER, "未见送达回执,再次发货"),
    E(DELIVERY_ACK, "已确认送达"),
    E(REPLACE, "收回一张卡并换了另一张"),
    E(FAIL, "最后一次支付尝试失败或关闭"),
    E(FAIL_ONE, "一次支付尝试失败或关闭,另有一次仍在进行"),
    E(FAIL_STRAY, "失败或关闭通知,但没有对应的支付尝试"),
    E(REFUND_PART, "退回了一部分款项"),
    E(REFUND_ALL, "款项已全部退回"),
    E(REFUND_DUE, "一部分款项待退"),
    E(REFUND_DUE_ALL, "全部款项待退"),
    E(CHARGEBACK, "付款人的银行撤回了款项"),
    E(CANCEL, "订单已取消"),
    EVENT(RELEASE, "the order is given up", "订单已放弃"),
    E(QUERY_DUE, "占用时间已到,先向支付渠道查询"),
    E(EXPIRE, "占用时间已到"),
    E(FREEZE, "已冻结:解冻之前不交付任何东西"),
    E(UNFREEZE, "已解冻:继续被冻结的流程"),
    E(NOTE, "操作员留了备注"),
};

const char *ordo_why_event(enum ordo_language language, enum ordo_event event)
{
    const char *own = find(events, COUNT(events), language, event);
    if (own != NULL || language == ORDO_CHINESE) {
        return own;
    }
    return event < ORDO_EVENT_COUNT ? ordo_event_text(event) : NULL;
}

/* ---- commands ---- */

#define K(NAME, english, chinese)                                                                  \
    {                                                                                              \
        ORDO_KIND_##NAME,                                                                          \
        {                                                                                          \
            english, chinese                                                                       \
        }                                                                                          \
    }

static const struct phrase commands[] = {
    K(SETTINGS, "settings were changed", "更改设置"),
    K(PRODUCT_PUT, "the product was put on sale or changed", "上架或修改商品"),
    K(CARD_IMPORT, "cards were loaded", "导入卡密"),
    K(CREATE, "the shop asked to create the order", "店铺请求下单"),
    K(ATTEMPT, "the shop opened a payment attempt", "店铺发起支付"),
    K(FACT, "the gateway said", "支付渠道通知"),
    K(CANCEL, "the order was to be cancelled", "请求取消订单"),
    K(DELIVERY_ACK, "the delivery was said to have arrived", "回执:已送达"),
    K(TICK, "time: the engine did what was due", "到时:引擎自动处理到期事项"),
    K(RESUME, "the engine started again", "引擎重新启动"),
    K(CONTINUE, "the engine went on serving those who wait", "引擎继续为排队者分配"),
    K(EXTEND, "the shop asked for a longer hold", "店铺请求延长占用"),
    K(RELEASE, "the shop gave the order up", "店铺放弃订单"),
    K(ISSUE, "an operator issued the order", "操作员发货"),
    K(MARK_PAID, "an operator marked the order as paid", "操作员标记已付款"),
    K(ACCEPT, "an operator accepted the money in review", "操作员接受待核对的款项"),
    K(REFUND, "an operator refunded", "操作员退款"),
    K(FREEZE, "an operator froze the order", "操作员冻结订单"),
    K(UNFREEZE, "an operator unfroze the order", "操作员解冻订单"),
    K(NOTE, "an operator wrote a note", "操作员备注"),
    K(REPLACE, "an operator replaced a card of the order", "操作员换卡"),
    K(RECALL, "an operator recalled a card", "操作员召回卡"),
    K(CARD_VOID, "an operator made cards void", "操作员作废卡"),
    K(COUPON_PUT, "a coupon was made or changed", "设置优惠券"),
    K(CHANNEL_PUT, "a payment channel was made or changed", "设置支付渠道"),
    K(CHAIN, "the shop asked for several orders, all or none", "店铺组合下单,全成或全不成"),
    K(SUBSCRIBER_PUT, "a subscriber's cursor was put", "设置订阅者游标"),
    K(SUBSCRIBER_ACK, "a subscriber worked off updates", "订阅者确认已处理的变更"),
    K(PARK, "a subscriber set an order aside", "订阅者搁置订单"),
    K(UNPARK, "an order that was set aside is worked off again", "恢复处理被搁置的订单"),
    K(SUBSCRIBER_DROP, "an operator dropped a subscriber", "操作员删除订阅者"),
};

const char *ordo_why_command(enum ordo_language language, uint8_t kind)
{
    return find(commands, COUNT(commands), language, kind);
}

static const struct phrase facts[] = {
    {ORDO_FACT_NONE, {"nothing that can be a fact", "无效通知"}},
    {ORDO_FACT_PAY, {"paid", "已付款"}},
    {ORDO_FACT_FAIL, {"the payment failed", "支付失败"}},
    {ORDO_FACT_CLOSE, {"the payment was closed", "支付已关闭"}},
    {ORDO_FACT_REFUND, {"refunded", "已退款"}},
    {ORDO_FACT_CHARGEBACK, {"the payer's bank took the money back", "拒付:银行撤回款项"}},
};

const char *ordo_why_fact(enum ordo_language language, uint64_t fact)
{
    return fact > UINT32_MAX ? NULL : find(facts, COUNT(facts), language, (uint32_t)fact);
}

static const struct phrase verifiers[] = {
    {ORDO_VERIFIED_NONE, {"not verified", "未验证"}},
    {ORDO_VERIFIED_SIGNATURE, {"verified by the gateway's signature", "经渠道签名验证"}},
    {ORDO_VERIFIED_QUERY, {"verified by a query of the gateway", "经渠道查询验证"}},
    {ORDO_VERIFIED_MANUAL, {"verified by a person", "经人工核实"}},
};

const char *ordo_why_verified(enum ordo_language language, uint64_t verified_by)
{
    return verified_by > UINT32_MAX
               ? NULL
               : find(verifiers, COUNT(verifiers), language, (uint32_t)verified_by);
}

/* ---- flags, accounts, states ---- */

static const struct phrase flags[] = {
    {ORDO_FLAG_FROZEN,
     {"frozen: nothing is handed out until an operator unfreezes it",
      "已冻结:操作员解冻之前不交付任何东西"}},
    {ORDO_FLAG_REVIEW, {"a person is to look at it", "需人工核对"}},
    {ORDO_FLAG_PARTIAL, {"fewer units were delivered than ordered", "部分发货"}},
    {ORDO_FLAG_LATE, {"it was paid after its hold had expired", "过期后付款"}},
    {ORDO_FLAG_COUPON_OVERDRAWN,
     {"its coupon was used beyond the limit, because the payment came late",
      "因付款迟到,优惠券超额使用"}},
    {ORDO_FLAG_QUERY_DUE,
     {"the gateway is to be asked whether it was paid", "须向支付渠道查询是否已付款"}},
    {ORDO_FLAG_WAITING, {"it waits in line for a unit", "正在排队等待库存"}},
};

static const char *const flag_names[] = {
    "FROZEN", "REVIEW", "PARTIAL", "LATE", "COUPON_OVERDRAWN", "QUERY_DUE", "WAITING"};

_Static_assert(COUNT(flags) == COUNT(flag_names), "a name for each flag");

const char *ordo_why_flag_name(uint32_t flag)
{
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (flags[i].number == flag) {
            return flag_names[i];
        }
    }
    return NULL;
}

const char *ordo_why_flag(enum ordo_language language, uint32_t flag)
{
    return find(flags, COUNT(flags), language, flag);
}

static const struct phrase accounts[] = {
    {ORDO_ACCOUNT_RECEIVED, {"received", "收到"}},
    {ORDO_ACCOUNT_MANUAL, {"marked as paid by a person", "人工标记收款"}},
    {ORDO_ACCOUNT_APPLIED, {"counts for the order", "计入订单"}},
    {ORDO_ACCOUNT_REFUND_DUE, {"to be given back", "待退款"}},
    {ORDO_ACCOUNT_REFUNDED, {"given back", "已退款"}},
    {ORDO_ACCOUNT_REVIEW, {"in review", "待核对"}},
};

const char *ordo_why_account(enum ordo_language language, uint8_t account)
{
    return find(accounts, COUNT(accounts), language, account);
}

#define W(NAME, english, chinese)                                                                  \
    {                                                                                              \
        ORDO_STATE_##NAME,                                                                         \
        {                                                                                          \
            english, chinese                                                                       \
        }                                                                                          \
    }

static const struct phrase waits[] = {
    W(NONE,
      "was never created by the shop; money that came for it lies in review",
      "店铺从未创建该订单;已到的款项待核对"),
    W(PENDING,
      "waits for the buyer's payment; unpaid it expires when the time of its hold is over",
      "等待买家付款;占用时间到仍未付则过期"),
    W(PAYING,
      "waits for the gateway's word about the open payment; unpaid it expires",
      "等待支付渠道的结果;未付则过期"),
    W(PAY_FAILED,
      "waits for another payment until the time of its hold is over",
      "可在占用时间内再次付款,否则过期"),
    W(PAID, "is paid and waits for a person who issues it", "已付款,等待人工发货"),
    W(BACKORDER,
      "is paid and waits for stock; when that takes too long its money is to be given back",
      "已付款,等待补货;等待过久则退款"),
    W(ISSUING,
      "was handed out and waits for the word that the delivery has arrived",
      "已分配,等待送达回执"),
    W(COMPLETED, "is complete and waits for nothing", "已完成,无需等待"),
    W(EXPIRED,
      "ended unpaid and waits for nothing; a late payment is honoured if that is still possible",
      "未付款而过期;若迟到的付款仍可履约则会履约"),
    W(CANCELLED,
      "was cancelled and waits for nothing; a payment that still comes is to be given back",
      "已取消;若仍有付款到账则退回"),
    W(REFUNDING,
      "waits until its money was given back at the gateway or by an operator",
      "等待支付渠道或操作员完成退款"),
    W(REFUNDED, "got its money back and waits for nothing", "已退款,无需等待"),
};

const char *ordo_why_waits(enum ordo_language language, uint8_t state)
{
    return find(waits, COUNT(waits), language, state);
}

const char *ordo_why_state(enum ordo_language language, uint8_t state)
{
    return language == ORDO_CHINESE ? ordo_state_chinese(state) : ordo_state_name(state);
}
