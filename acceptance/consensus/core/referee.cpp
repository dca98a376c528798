// A narrow C interface to Bitcoin Core's script code, with every flag and the exact error, which
// libbitcoinconsensus itself does not give.

#include <arith_uint256.h>
#include <consensus/merkle.h>
#include <consensus/tx_check.h>
#include <consensus/validation.h>
#include <primitives/block.h>
#include <primitives/transaction.h>
#include <pubkey.h>
#include <script/interpreter.h>
#include <script/script.h>
#include <script/script_error.h>
#include <serialize.h>
#include <version.h>

#include <cstring>
#include <ios>
#include <string>
#include <vector>

namespace {

// Reads Core's serialization from bytes that somebody else owns.
class Reader
{
public:
    Reader(const unsigned char* bytes, size_t length) : m_next(bytes), m_left(length) {}

    void read(Span<std::byte> target)
    {
        if (target.size() > m_left) throw std::ios_base::failure("end of data");
        std::memcpy(target.data(), m_next, target.size());
        m_next += target.size();
        m_left -= target.size();
    }

    template <typename T>
    Reader& operator>>(T&& object)
    {
        ::Unserialize(*this, object);
        return *this;
    }

    int GetVersion() const { return PROTOCOL_VERSION; }
    bool IsAtEnd() const { return m_left == 0; }

private:
    const unsigned char* m_next;
    size_t m_left;
};

CScript MakeScript(const unsigned char* bytes, size_t length)
{
    return CScript(bytes, bytes + length);
}

} // namespace

extern "C" {

// A transaction with the outputs that it spends, ready to be judged.
struct RefereeSpend {
    CTransaction tx;
    std::vector<CTxOut> spent;
    PrecomputedTransactionData shared;
};

RefereeSpend* referee_spend_new(const unsigned char* tx_bytes, size_t tx_length,
                                const unsigned char* spent_bytes, size_t spent_length)
{
    try {
        Reader tx_reader(tx_bytes, tx_length);
        CTransaction tx(deserialize, tx_reader);
        if (!tx_reader.IsAtEnd()) return nullptr;
        std::vector<CTxOut> spent;
        Reader spent_reader(spent_bytes, spent_length);
        while (!spent_reader.IsAtEnd()) {
            spent.emplace_back();
            spent_reader >> spent.back();
        }
        if (spent.size() != tx.vin.size()) return nullptr;
        auto* spend = new RefereeSpend{std::move(tx), std::move(spent), {}};
        spend->shared.Init(spend->tx, std::vector<CTxOut>(spend->spent), /*force=*/true);
        return spend;
    } catch (const std::exception&) {
        return nullptr;
    }
}

void referee_spend_free(RefereeSpend* spend) { delete spend; }

// Answers Core's sentence on the verdict.
const char* referee_spend_verify(const RefereeSpend* spend, unsigned int input, unsigned int flags)
{
    static thread_local std::string text;
    const CTxOut& spent = spend->spent.at(input);
    const CTxIn& txin = spend->tx.vin.at(input);
    ScriptError error = SCRIPT_ERR_UNKNOWN_ERROR;
    TransactionSignatureChecker checker(&spend->tx, input, spent.nValue, spend->shared, MissingDataBehavior::ASSERT_FAIL);
    const bool valid = VerifyScript(txin.scriptSig, spent.scriptPubKey, &txin.scriptWitness, flags, checker, &error);
    text = valid ? "No error" : ScriptErrorString(error);
    return text.c_str();
}

// The sum that a block's limit counts.
unsigned long long referee_spend_sigop_cost(const RefereeSpend* spend, unsigned int flags)
{
    unsigned long long cost = 0;
    for (const CTxIn& txin : spend->tx.vin) cost += 4ull * txin.scriptSig.GetSigOpCount(false);
    for (const CTxOut& txout : spend->tx.vout) cost += 4ull * txout.scriptPubKey.GetSigOpCount(false);
    if (spend->tx.IsCoinBase()) return cost;
    for (size_t i = 0; i < spend->tx.vin.size(); ++i) {
        const CTxIn& txin = spend->tx.vin[i];
        const CScript& script = spend->spent[i].scriptPubKey;
        if ((flags & SCRIPT_VERIFY_P2SH) && script.IsPayToScriptHash()) cost += 4ull * script.GetSigOpCount(txin.scriptSig);
        cost += CountWitnessSigOps(txin.scriptSig, script, &txin.scriptWitness, flags);
    }
    return cost;
}

// Answers 1 and the ids when the bytes are a transaction.
int referee_decode(const unsigned char* bytes, size_t length, unsigned char* txid, unsigned char* wtxid)
{
    try {
        Reader reader(bytes, length);
        CTransaction tx(deserialize, reader);
        if (!reader.IsAtEnd()) return 0;
        std::memcpy(txid, tx.GetHash().begin(), 32);
        std::memcpy(wtxid, tx.GetWitnessHash().begin(), 32);
        return 1;
    } catch (const std::exception&) {
        return 0;
    }
}

unsigned int referee_sigops(const unsigned char* bytes, size_t length, int accurate)
{
    return MakeScript(bytes, length).GetSigOpCount(accurate != 0);
}

// Bits: pushes only, unspendable, pay-to-script-hash, witness program; above them its version.
unsigned int referee_form(const unsigned char* bytes, size_t length)
{
    const CScript script = MakeScript(bytes, length);
    int version = 0;
    std::vector<unsigned char> program;
    const bool is_program = script.IsWitnessProgram(version, program);
    return unsigned(script.IsPushOnly()) | unsigned(script.IsUnspendable()) << 1 |
           unsigned(script.IsPayToScriptHash()) << 2 | unsigned(is_program) << 3 |
           (is_program ? unsigned(version) << 4 : 0);
}

// Answers Core's reject reason for a transaction by itself, nothing for a good one.
const char* referee_check_transaction(const unsigned char* bytes, size_t length)
{
    static thread_local std::string reason;
    Reader reader(bytes, length);
    const CTransaction tx(deserialize, reader);
    TxValidationState state;
    reason = CheckTransaction(tx, state) ? "" : state.GetRejectReason();
    return reason.c_str();
}

// What Core finds out about a block by itself.
struct RefereeBlock {
    unsigned char hash[32];
    unsigned char root[32];
    unsigned char witness_root[32];
    unsigned long long weight;
    int is_mutated;
    // The output of the coinbase that commits to the witnesses, or -1.
    int commitment;
};

// Answers 1 and what there is to say when the bytes are a block.
int referee_block(const unsigned char* bytes, size_t length, RefereeBlock* out)
{
    try {
        Reader reader(bytes, length);
        CBlock block;
        reader >> block;
        if (!reader.IsAtEnd()) return 0;
        bool mutated = false;
        const uint256 root = BlockMerkleRoot(block, &mutated);
        std::memcpy(out->hash, block.GetHash().begin(), 32);
        std::memcpy(out->root, root.begin(), 32);
        // The coinbase's hash is zero there, so a block has to have one.
        const uint256 witness_root = block.vtx.empty() ? uint256() : BlockWitnessMerkleRoot(block);
        std::memcpy(out->witness_root, witness_root.begin(), 32);
        out->weight = GetBlockWeight(block);
        out->is_mutated = mutated;
        out->commitment = GetWitnessCommitmentIndex(block);
        return 1;
    } catch (const std::exception&) {
        return 0;
    }
}

// Answers 1 and the target, little-endian, when the bits are one: not zero, not negative, in range.
int referee_target(unsigned int bits, unsigned char* target, unsigned int* again)
{
    bool negative = false, overflow = false;
    arith_uint256 number;
    number.SetCompact(bits, &negative, &overflow);
    if (negative || overflow || number == 0) return 0;
    std::memcpy(target, ArithToUint256(number).begin(), 32);
    *again = number.GetCompact();
    return 1;
}

} // extern "C"
