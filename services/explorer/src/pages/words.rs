//! Every text of the pages, in every language. A key that lacks a language does not compile.

/// Declares the languages' texts side by side.
macro_rules! catalogue {
    ($($key:ident: $en:literal, $zh:literal;)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(crate) struct Words {
            /// The language as HTML names it.
            pub(crate) lang: &'static str,
            $(pub(crate) $key: &'static str,)*
        }

        /// English.
        pub(crate) static ENGLISH: Words = Words { lang: "en", $($key: $en,)* };
        /// Chinese in simplified characters.
        pub(crate) static CHINESE: Words = Words { lang: "zh-Hans", $($key: $zh,)* };
    };
}

catalogue! {
    explorer: "Explorer", "区块浏览器";
    skip: "Skip to content", "跳到正文";
    search: "Search", "搜索";
    search_hint: "Height, hash, transaction, output or address", "区块高度、哈希、交易、输出或地址";
    blocks: "Blocks", "区块";
    mempool: "Mempool", "内存池";
    reorgs: "Reorganisations", "链重组";
    reorgs_short: "Reorgs", "链重组";
    faucet: "Faucet", "水龙头";
    api: "API", "API";
    theme: "Theme", "主题";
    theme_auto: "System", "跟随系统";
    theme_light: "Light", "浅色";
    theme_dark: "Dark", "深色";
    other_language: "中文", "English";
    other_lang_code: "zh", "en";
    other_language_label: "Switch to Chinese", "切换到英文";
    footer: "Pages are complete without JavaScript. No third party is asked for anything.", "页面无需 JavaScript 即可完整显示，不请求任何第三方。";
    live: "Live", "实时";
    pause: "Pause", "暂停";
    resume: "Resume", "继续";
    copy: "Copy", "复制";
    copied: "Copied", "已复制";
    tip: "Last block", "最新区块";
    target_spacing: "target", "目标";
    waiting: "Waiting", "待确认";
    transactions: "Transactions", "交易";
    next_fee: "Next block fee", "下一区块费率";
    difficulty: "Difficulty", "难度";
    next_blocks: "Next blocks", "即将出块";
    recent_blocks: "Recent blocks", "最近区块";
    now: "now", "现在";
    next_block: "Next block", "下一区块";
    mempool_empty: "The mempool is empty.", "内存池为空。";
    mempool_empty_more: "A transaction that is sent now goes into the next block.", "现在发出的交易将进入下一个区块。";
    only_genesis: "This chain has block 0 alone. The next block will appear here by itself.", "此链目前只有创世区块，新区块会自动出现在这里。";
    latest_transactions: "Latest transactions", "最新交易";
    no_transactions: "No payments yet: blocks hold nothing but their coinbase.", "暂无支付：区块中只有 coinbase 交易。";
    recent_reorgs: "Recent reorganisations", "最近的链重组";
    no_reorgs: "The active chain has not moved to another branch since this explorer started its index.", "自本浏览器建立索引以来，主链没有切换过分支。";
    all: "All", "全部";
    block: "Block", "区块";
    transaction: "Transaction", "交易";
    address: "Address", "地址";
    time: "Time", "时间";
    median_time: "Median time", "中位时间";
    size: "Size", "大小";
    vsize: "Virtual size", "虚拟大小";
    weight: "Weight", "重量";
    fees: "Fees", "手续费";
    fee: "Fee", "手续费";
    fee_rate: "Fee rate", "费率";
    reward: "Coinbase pays", "Coinbase 支出";
    outputs_total: "Sum of outputs", "输出总额";
    value: "Value", "金额";
    version: "Version", "版本";
    merkle_root: "Merkle root", "默克尔根";
    nonce: "Nonce", "随机数";
    bits: "Bits", "Bits";
    target: "Target", "目标值";
    chainwork: "Chain work", "累计工作量";
    header: "Header", "区块头";
    previous: "Previous", "上一个";
    next: "Next", "下一个";
    first_seen: "First seen", "首次发现";
    confirmations: "Confirmations", "确认数";
    coinbase_text: "Coinbase text", "Coinbase 文本";
    filled: "Filled", "填充率";
    on_chain: "On the active chain", "在主链上";
    stale: "Stale", "陈旧区块";
    stale_block: "This block lost the race: it was on the active chain and is no more.", "该区块已在竞争中落败：曾在主链上，现已不在。";
    replaced_by_block: "At its height the active chain has", "主链上同一高度的区块是";
    no_replacement: "The active chain does not reach its height.", "主链尚未达到该高度。";
    other_at_height: "Stale blocks at this height", "此高度的陈旧区块";
    inputs: "Inputs", "输入";
    outputs: "Outputs", "输出";
    new_coins: "New coins", "新发行的币";
    unspendable: "Not spendable", "不可花费";
    op_return: "Data (OP_RETURN)", "数据 (OP_RETURN)";
    unspent: "Unspent", "未花费";
    spent: "Spent", "已花费";
    unconfirmed: "Unconfirmed", "未确认";
    confirmed: "Confirmed", "已确认";
    in_mempool: "In the mempool", "在内存池中";
    projected_place: "Projected block", "预计区块";
    lock_time: "Lock time", "锁定时间";
    no_lock: "none", "无";
    lock_height: "not before height", "不早于高度";
    lock_until: "not before", "不早于";
    lock_off: "switched off: every input is final", "未启用：所有输入均为最终";
    replaceable: "Replaceable (RBF)", "可替换 (RBF)";
    not_replaceable: "Not signalled", "未声明";
    yes: "Yes", "是";
    position: "Position in block", "区块内位置";
    flow: "Flow of value", "资金流向";
    flow_text: "Inputs on the left, outputs on the right; the width of a band is its share of the value. The lists below say the same.", "左侧为输入，右侧为输出；带宽表示金额占比。下方列表给出相同信息。";
    script: "Script", "脚本";
    script_type: "Kind", "类型";
    locking: "Locking script", "锁定脚本";
    unlocking: "Unlocking script", "解锁脚本";
    redeem_script: "Redeem script", "赎回脚本";
    witness_script: "Witness script", "见证脚本";
    witness: "Witness", "见证数据";
    sequence: "Sequence", "序列号";
    details: "Details", "详细信息";
    hex: "Hex", "十六进制";
    raw: "Raw", "原始数据";
    balance: "Balance", "余额";
    received: "Received", "累计收入";
    sent: "Sent", "累计支出";
    pending: "Pending", "待确认";
    history: "History", "历史记录";
    unspent_outputs: "Unspent outputs", "未花费输出";
    change: "Change", "变动";
    never_used: "This address was never used on this chain.", "该地址在此链上从未使用过。";
    older: "Older", "更早";
    newest: "Newest", "最新";
    script_hash: "Script hash", "脚本哈希";
    qr_label: "QR code of the address", "地址二维码";
    first_of: "The first of", "仅显示前若干项，共";
    no_unspent: "Nothing is unspent.", "没有未花费的输出。";
    unknown_tx: "Transaction not found", "未找到交易";
    unknown_tx_text: "Neither the active chain nor the mempool has this transaction. This page looks again by itself.", "主链和内存池中都没有这笔交易。本页会自动重新查找。";
    dropped_tx: "A reorganisation took this transaction off the active chain.", "一次链重组将这笔交易移出了主链。";
    dropped_in: "It was in the stale block", "它曾在陈旧区块中";
    fate_replaced: "Another transaction spends its inputs", "另一笔交易花费了它的输入";
    fate_confirmed: "Confirmed again at height", "已在此高度重新确认";
    fate_mempool: "Back in the mempool", "已回到内存池";
    fate_gone: "Gone", "已消失";
    not_found: "Nothing found", "未找到";
    not_found_text: "There is no such page.", "没有这个页面。";
    search_none: "Nothing fits", "没有匹配";
    search_tried: "Looked for: a block by height and by hash, a transaction, an output (txid:vout), an address, a script hash.", "已查找：按高度和哈希查找区块、交易、输出 (txid:vout)、地址、脚本哈希。";
    wrong_network: "This is an address of another network. This chain uses regtest addresses: bcrt1…, m…, n… or 2….", "这是另一个网络的地址。本链使用 regtest 地址：bcrt1…、m…、n… 或 2…。";
    above_tip: "This height is above the last block", "该高度高于最新区块";
    unavailable: "Not ready", "尚未就绪";
    unavailable_text: "The explorer has no block yet: it waits for its node. This page looks again by itself.", "浏览器尚无区块，正在等待节点。本页会自动重试。";
    failed: "Something failed", "出错了";
    failed_text: "The log of the service has the cause.", "原因见服务日志。";
    bad_request: "The request is malformed", "请求格式错误";
    home: "Home", "首页";
    fork_at: "Fork after height", "分叉于高度";
    depth: "Blocks replaced", "被替换区块数";
    old_tip: "Old tip", "旧链尾";
    new_tip: "New tip", "新链尾";
    dropped: "Transactions taken off", "移出的交易";
    none_dropped: "No payments were affected.", "没有支付受到影响。";
    fork_diagram: "Two branches that part after the fork", "分叉后的两条分支";
    faucet_intro: "Coins of this test network have no worth outside it. Ask for some for an address of yours.", "测试网络的币在网络之外没有价值。可为你的地址申请一些。";
    faucet_amount: "Amount in BTC", "金额 (BTC)";
    faucet_send: "Send coins", "发送";
    faucet_sent: "Sent", "已发送";
    faucet_off: "This explorer has no faucet.", "本浏览器没有水龙头。";
    faucet_most: "At most", "最多";
    faucet_refused: "The request was refused", "请求被拒绝";
    histogram: "Fee rates", "费率分布";
    histogram_text: "Virtual bytes that wait, by fee rate.", "按费率统计的待确认虚拟字节数。";
    total_fees: "Fees waiting", "待收手续费";
    newest_transactions: "Newest transactions", "最新进入的交易";
    interval_chart: "Seconds between the last blocks", "最近区块的间隔秒数";
    interval_title: "Block interval", "出块间隔";
    average: "average", "平均";
    page: "Page", "页";
    state: "State", "状态";
    in_progress: "Catching up with the node", "正在与节点同步";
    validators: "Validators", "验证者";
    validator: "Validator", "验证者";
    no_validators: "This network has no validators: its blocks are found by proof of work.", "本网络没有验证者：区块由工作量证明产生。";
    no_such_validator: "Nobody of this name is registered.", "没有登记这样的验证者。";
    nobody_registered: "Nobody is registered yet.", "尚无人登记。";
    finality: "Finality", "最终性";
    no_finality: "Blocks of this network are never final: it has proof of work, where only confirmations grow.", "本网络的区块没有最终性：它使用工作量证明，只有确认数会增加。";
    evidence: "Evidence", "作恶证据";
    no_evidence: "Nobody has been caught contradicting itself.", "尚未发现有人自相矛盾。";
    caught: "Keys that contradicted themselves", "自相矛盾的密钥";
    contradiction: "Contradiction", "矛盾";
    two_seals: "Two blocks for slot", "同一时隙的两个区块：";
    two_votes: "Two votes for epoch", "同一纪元的两张选票：";
    slashed_in: "Slashed in", "罚没于";
    evidence_open: "Not in a block yet", "尚未入块";
    evidence_included: "Slashed", "已罚没";
    evidence_baseless: "Nothing to slash", "无可罚没";
    seats: "Seats", "席位";
    at_most: "At most", "至多";
    bonded: "Bonded", "已质押";
    turnout: "Share of all coins", "占全部币的比例";
    slot: "Slot", "时隙";
    epoch: "Epoch", "纪元";
    round: "Round", "轮次";
    final_block: "Final block", "最终区块";
    final_up_to: "final up to", "最终至";
    is_final: "Final", "已最终确定";
    not_final: "Not final yet", "尚未最终确定";
    never_reverted: "It and all before it are never reverted.", "该区块及之前的区块永不回滚。";
    justified: "Justified", "已证成";
    prevoted: "Prevoted up to", "预投票至";
    previously_sealed: "Sealed before", "此前封装至";
    lag: "Behind the tip", "落后链尾";
    published_lag: "with everybody there", "全员在线时";
    blocks_unit: "blocks", "个区块";
    rule_pos: "Validators vote on checkpoints, the last blocks of epochs. Two thirds of the weight justify a checkpoint; it is final when the next one is justified from it.", "验证者对检查点（每个纪元的最后一个区块）投票。三分之二的权重使检查点证成；当下一个检查点由它证成时，它即最终确定。";
    rule_dpos: "Delegates vote with the blocks that they build. A block is final when two thirds of the delegates have built on a chain in which two thirds had built on it.", "代表以所产出的区块投票。当三分之二的代表在其上出块、且又有三分之二在此之上出块后，区块即最终确定。";
    votes: "Votes", "选票";
    votes_carried: "Votes carried", "携带的选票";
    no_votes: "No votes for the next checkpoint yet.", "下一检查点尚无选票。";
    checkpoint: "Checkpoint", "检查点";
    vote_source: "From", "来源";
    unknown_block: "not here", "本地没有";
    open: "Open", "进行中";
    by_stake: "By stake", "按质押排序";
    stake: "Stake", "质押";
    weight_share: "Share of the weight", "权重占比";
    voting_weight: "Weight", "权重";
    sealed: "Sealed", "已封装";
    missed: "Missed", "错过";
    last_slot: "Last slot", "最近时隙";
    next_slot: "Next slot", "下一时隙";
    next_slots: "Next slots", "接下来的时隙";
    no_turns: "Nothing is decided beyond this moment.", "目前尚无已确定的时隙。";
    counted_slots: "Slots counted", "统计时隙数";
    sealing: "Sealing", "封装";
    seal: "Seal", "封印";
    proposer: "Proposer", "出块者";
    bootstrap_key: "The network's bootstrap key", "网络的引导密钥";
    sealing_key: "Sealing key", "封装密钥";
    rank: "Rank", "排名";
    seat: "Seat", "席位";
    bond: "Bond", "保证金";
    delegated: "Delegated to it", "受托质押";
    registered_by: "Registered by", "登记于";
    since_block: "Since block", "始于区块";
    stake_owner: "Owner", "所有者";
    last_vote: "Last vote for epoch", "最近投票纪元";
    benched_until: "Benched until round", "停职至轮次";
    standing_pending: "Pending", "待生效";
    standing_active: "Active", "活跃";
    standing_standby: "Standby", "候补";
    standing_benched: "Benched", "停职";
    standing_unbonding: "Unbonding", "解除质押中";
    standing_slashed: "Slashed", "已罚没";
    in_time: "in", "还有";
    stake_bonded: "Bonded for", "质押给";
    stake_unbonding: "Unbonding, was for", "解除质押中，原属";
    ago_s: "s ago", "秒前";
    ago_min: "min ago", "分钟前";
    ago_h: "h ago", "小时前";
    ago_d: "d ago", "天前";
    just_now: "just now", "刚刚";
    in_future: "in the future", "未来";
}

/// The languages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// Reads a language's code, or the first one that is known in an `Accept-Language` header.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(',').find_map(|part| {
            let code = part
                .trim()
                .split([';', '-', '_'])
                .next()
                .unwrap_or_default();
            match code.to_ascii_lowercase().as_str() {
                "en" => Some(Self::English),
                "zh" => Some(Self::Chinese),
                _ => None,
            }
        })
    }

    /// Its code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// Its texts.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_is_taken() {
        for (text, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Chinese)),
            ("fr, en-GB;q=0.7", Some(Language::English)),
            ("zh_TW", Some(Language::Chinese)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::parse(text), expected, "{text}");
        }
    }
}
